"""The commands of docs/auth.md, run against servers on loopback that check who asks: what differs from the document is where the server is."""
import base64
import hashlib
import hmac
import json
import os
import re
import subprocess
import urllib.parse

import pytest
from conftest import BUILD, DATA
from scripted_server import ScriptedServer, ranges

BODY = (DATA / "product.nc").read_bytes()
KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
ACCOUNT_KEY = base64.b64encode(b"a key of thirty-two bytes, made up").decode()


@pytest.fixture
def server():
    s = ScriptedServer()
    yield s
    s.stop()


@pytest.fixture
def run(tmp_path):
    """gdalinfo with nothing in its environment but what is given, and a home of its own."""

    def run_gdalinfo(name, **settings):
        env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GDAL_DRIVER_PATH": str(BUILD / "gdalplugins"), "CPL_MACHINE_IS_GCE": "NO",
               "CPL_AWS_AUTODETECT_EC2": "NO", **settings}
        return subprocess.run(["gdalinfo", name], env=env, capture_output=True, text=True, timeout=120)

    return run_gdalinfo


def opened(done):
    return done.returncode == 0 and "Driver: H5RANGE" in done.stdout and "SUBDATASET_1_NAME" in done.stdout


def host(server):
    return server.url("")[len("http://"):]


def refused(done):
    """The message says that it is the credentials."""
    return done.returncode != 0 and "Driver: H5RANGE" not in done.stdout and "cannot be opened" in done.stderr and "credentials it needs" in done.stderr


def guarded(check):
    """Ranges of a file for whom the check lets in; it returns why not, in the words of an object store."""
    answer = ranges(BODY)

    def reply(handler):
        why = check(handler)
        text = "<?xml version='1.0'?><Error><Code>%s</Code><Message>%s</Message></Error>" % (
            "SignatureDoesNotMatch" if why == "wrong signature" else "AccessDenied", why)
        return handler.reply(403, text.encode(), Content_Type="application/xml") if why else answer(handler)

    return reply


def hmac_of(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signed_by_aws(handler):
    """AWS signature, version 4."""
    given = re.match(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d+)/([^/]+)/s3/aws4_request,\s*SignedHeaders=([^,]+),\s*Signature=(\w+)$",
                     handler.headers.get("Authorization", ""))
    if given is None:
        return "no signature"
    key, day, region, names, signature = given.groups()
    path, _, query = handler.path.partition("?")
    canonical = [handler.command, path, "&".join(sorted(query.split("&")))]
    canonical += ["%s:%s" % (name, handler.headers[name].strip()) for name in names.split(";")] + ["", names, handler.headers["x-amz-content-sha256"]]
    text = "\n".join(["AWS4-HMAC-SHA256", handler.headers["x-amz-date"], "%s/%s/s3/aws4_request" % (day, region),
                      hashlib.sha256("\n".join(canonical).encode()).hexdigest()])
    secret = ("AWS4" + SECRET).encode()
    for part in (day, region, "s3", "aws4_request"):
        secret = hmac_of(secret, part)
    return None if key == KEY and hmac_of(secret, text).hex() == signature else "wrong signature"


def s3(server, check):
    """A bucket; listings of it are forbidden, as they often are."""
    server.routes["/bucket/key.nc"] = guarded(check)
    server.routes["/bucket/"] = lambda handler: handler.reply(403)
    return {"AWS_S3_ENDPOINT": host(server), "AWS_HTTPS": "NO", "AWS_VIRTUAL_HOSTING": "FALSE"}


def test_h5range_public_s3(server, run):
    place = s3(server, lambda handler: "signed" if "Authorization" in handler.headers else None)
    assert opened(run("s3://bucket/key.nc", AWS_NO_SIGN_REQUEST="YES", AWS_REGION="us-west-2", **place))


def test_h5range_s3_with_keys(server, run):
    keys = dict(AWS_ACCESS_KEY_ID=KEY, AWS_SECRET_ACCESS_KEY=SECRET, AWS_REGION="eu-central-1", **s3(server, signed_by_aws))
    assert opened(run("s3://bucket/key.nc", **keys))
    assert refused(run("s3://bucket/key.nc", **{**keys, "AWS_SECRET_ACCESS_KEY": "another"}))
    assert refused(run("s3://bucket/key.nc", **{name: value for name, value in keys.items() if "KEY" not in name}))  # asks nobody


def test_h5range_s3_without_the_permission_or_without_the_file(server, run):
    place = dict(s3(server, lambda handler: "no access"), AWS_NO_SIGN_REQUEST="YES")
    assert refused(run("s3://bucket/key.nc", **place))
    server.routes["/bucket/no.nc"] = lambda handler: handler.reply(404, b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code><Message>no such key</Message></Error>",
                                                                   Content_Type="application/xml")
    done = run("s3://bucket/no.nc", **place)
    assert done.returncode != 0 and "no such key. Check the address" in done.stderr


def test_h5range_s3_with_temporary_keys_of_a_bucket_whose_readers_pay(server, run):
    def check(handler):
        if handler.headers.get("x-amz-security-token") != "a token" or handler.headers.get("x-amz-request-payer") != "requester":
            return "no token, or nobody pays"
        return signed_by_aws(handler)

    place = s3(server, check)
    assert opened(run("s3://bucket/key.nc", AWS_ACCESS_KEY_ID=KEY, AWS_SECRET_ACCESS_KEY=SECRET, AWS_REGION="eu-central-1", AWS_SESSION_TOKEN="a token",
                      AWS_REQUEST_PAYER="requester", **place))


def test_h5range_s3_with_a_profile(server, run, tmp_path):
    place = s3(server, signed_by_aws)
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text("[default]\naws_access_key_id = no\naws_secret_access_key = no\n"
                                                   "[name]\naws_access_key_id = %s\naws_secret_access_key = %s\n" % (KEY, SECRET))
    (tmp_path / ".aws" / "config").write_text("[profile name]\nregion = eu-central-1\n")
    assert opened(run("s3://bucket/key.nc", AWS_PROFILE="name", **place))


def test_h5range_bearer_token(server, run):
    server.routes["/granule.nc4"] = guarded(lambda handler: None if handler.headers.get("Authorization") == "Bearer abc" else "no token")
    assert opened(run(server.url("/granule.nc4"), GDAL_HTTP_HEADERS="Authorization: Bearer abc"))
    assert refused(run(server.url("/granule.nc4")))


def test_h5range_login_with_cookies(server, run, tmp_path):
    """As Earthdata does it: who has no session is sent to a login on another host, which takes name and password and sends back."""
    login = ScriptedServer()
    port = int(login.url("").rsplit(":", 1)[1])

    def ask(handler):
        if "session=yes" in handler.headers.get("Cookie", ""):
            return ranges(BODY)(handler)
        return handler.reply(302, Location="http://localhost:%d/oauth" % port)

    def oauth(handler):
        if handler.headers.get("Authorization") != "Basic " + base64.b64encode(b"me:secret").decode():
            return handler.reply(401, WWW_Authenticate='Basic realm="login"')
        return handler.reply(302, Location=server.url("/session"))

    server.routes.update({"/granule.nc4": ask, "/session": lambda handler: handler.reply(302, Location=server.url("/granule.nc4"), Set_Cookie="session=yes; Path=/")})
    login.routes["/oauth"] = oauth
    (tmp_path / ".netrc").write_text("machine localhost login me password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    cookies = str(tmp_path / "cookies")
    try:
        assert opened(run(server.url("/granule.nc4"), GDAL_HTTP_COOKIEFILE=cookies, GDAL_HTTP_COOKIEJAR=cookies))
        asked = len(login.requests)
        assert asked >= 1
        assert opened(run(server.url("/granule.nc4"), GDAL_HTTP_COOKIEFILE=cookies, GDAL_HTTP_COOKIEJAR=cookies))
        assert len(login.requests) == asked  # the session is kept from one program to the next
    finally:
        login.stop()


def gs(server, check):
    server.routes["/bucket/key.nc"] = guarded(check)
    server.routes["/bucket/"] = lambda handler: handler.reply(403)
    return {"CPL_GS_ENDPOINT": server.url("/")}


def test_h5range_public_gcs(server, run):
    place = gs(server, lambda handler: "signed" if "Authorization" in handler.headers else None)
    assert opened(run("gs://bucket/key.nc", GS_NO_SIGN_REQUEST="YES", **place))


def test_h5range_gcs_with_the_key_of_a_service_account(server, run, tmp_path):
    private = subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], capture_output=True, text=True, check=True).stdout
    (tmp_path / "private.pem").write_text(private)
    (tmp_path / "key.json").write_text(json.dumps({"type": "service_account", "private_key": private, "client_email": "me@project.example"}))

    def token(handler):
        form = urllib.parse.parse_qs(handler.rfile.read(int(handler.headers["Content-Length"])).decode())
        head, claims, signature = form["assertion"][0].split(".")
        signed, proof = tmp_path / "signed", tmp_path / "proof"
        signed.write_text(head + "." + claims)
        proof.write_bytes(base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4)))
        public = subprocess.run(["openssl", "pkey", "-in", str(tmp_path / "private.pem"), "-pubout", "-out", str(tmp_path / "public.pem")]).returncode
        right = subprocess.run(["openssl", "dgst", "-sha256", "-verify", str(tmp_path / "public.pem"), "-signature", str(proof), str(signed)]).returncode
        if public or right or json.loads(base64.urlsafe_b64decode(claims + "==="))["iss"] != "me@project.example":
            return handler.reply(400)
        return handler.reply(200, json.dumps({"access_token": "granted", "token_type": "Bearer", "expires_in": 3600}).encode(), Content_Type="application/json")

    server.routes["/token"] = token
    place = gs(server, lambda handler: None if handler.headers.get("Authorization") == "Bearer granted" else "no token")
    assert opened(run("gs://bucket/key.nc", GOOGLE_APPLICATION_CREDENTIALS=str(tmp_path / "key.json"), GO2A_AUD=server.url("/token"), **place))


def azure(server, check):
    """An account: the server answers to name.localhost, and below /name for connection strings."""
    for folder in ("", "/name"):
        server.routes[folder + "/container/key.nc"] = guarded(check)
        server.routes[folder + "/container"] = server.routes[folder + "/"] = lambda handler: handler.reply(403)
    port = server.url("").rsplit(":", 1)[1]
    return {"AZURE_STORAGE_ACCOUNT": "name", "CPL_AZURE_ENDPOINT": "localhost:" + port, "CPL_AZURE_USE_HTTPS": "NO"}


def connection(server):
    return "BlobEndpoint=%s;AccountName=name;AccountKey=" % server.url("/name")


def test_h5range_public_azure(server, run):
    place = azure(server, lambda handler: "signed" if "Authorization" in handler.headers else None)
    assert opened(run("az://container/key.nc", AZURE_NO_SIGN_REQUEST="YES", **place))


def test_h5range_azure_with_a_token(server, run):
    place = azure(server, lambda handler: None if "sig=abc%3D" in handler.path else "no token")
    assert opened(run("az://container/key.nc", AZURE_STORAGE_SAS_TOKEN="sv=2022&sig=abc%3D", **place))
    assert refused(run("az://container/key.nc", AZURE_STORAGE_SAS_TOKEN="sv=2022&sig=other", **place))


def test_h5range_azure_with_the_key_of_the_account(server, run):
    def check(handler):
        given = handler.headers.get("Authorization", "")
        names = sorted(name.lower() for name in handler.headers if name.lower().startswith("x-ms-"))
        lines = [handler.command, "", "", "", "", "", "", "", "", "", "", handler.headers.get("Range", "")]
        lines += ["%s:%s" % (name, handler.headers[name]) for name in names] + ["/name" + handler.path]
        digest = hmac.new(base64.b64decode(ACCOUNT_KEY), "\n".join(lines).encode(), hashlib.sha256).digest()
        return None if given == "SharedKey name:" + base64.b64encode(digest).decode() else "wrong signature"

    azure(server, check)
    assert opened(run("az://container/key.nc", AZURE_STORAGE_CONNECTION_STRING=connection(server) + ACCOUNT_KEY))
    another = base64.b64encode(b"another key of thirty-two bytes!").decode()
    assert refused(run("az://container/key.nc", AZURE_STORAGE_CONNECTION_STRING=connection(server) + another))
