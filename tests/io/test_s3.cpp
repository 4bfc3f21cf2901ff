// S3: addresses, signatures, the region of a bucket, errors.
#ifdef H5RANGE_HAVE_CURL
#include "support/remote.h"

extern "C" {
#include "io/s3.h"
}

#include <gtest/gtest.h>

using namespace h5range_test;

namespace {

const char ID[] = "AKIDEXAMPLE", SECRET[] = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

std::map<std::string, std::string> Aws(const HttpServer &server)
{
    return {{"AWS_ACCESS_KEY_ID", ID}, {"AWS_SECRET_ACCESS_KEY", SECRET}, {"AWS_REGION", "eu-central-1"}, {"AWS_ENDPOINT_URL", server.Url("")}};
}

std::string Xml(const std::string &code, const std::string &rest = "")
{
    return "<?xml version=\"1.0\"?>\n<Error><Code>" + code + "</Code><Message>Told why</Message>" + rest + "</Error>";
}

std::string S3Url(const std::string &name, std::map<std::string, std::string> env)
{
    Environment e(std::move(env));
    h5r_s3 s;
    h5r_error err = {};
    std::string url = "failed";
    if (h5r_s3_parse(name.c_str(), &s, &err) == H5R_OK) {
        char *u = h5r_s3_url(&s);
        url = u;
        free(u);
    }
    h5r_s3_free(&s);
    return url;
}

} // namespace

TEST(CurlS3, Urls)
{
    EXPECT_EQ(S3Url("s3://b/a/k.h5", {}), "https://b.s3.us-east-1.amazonaws.com/a/k.h5");
    EXPECT_EQ(S3Url("s3://b/k", {{"AWS_DEFAULT_REGION", "cn-north-1"}}), "https://b.s3.cn-north-1.amazonaws.com.cn/k");
    EXPECT_EQ(S3Url("s3://b.c/k", {{"AWS_REGION", "eu-west-1"}}), "https://s3.eu-west-1.amazonaws.com/b.c/k");
    EXPECT_EQ(S3Url("s3://b/k", {{"AWS_VIRTUAL_HOSTING", "FALSE"}}), "https://s3.us-east-1.amazonaws.com/b/k");
    EXPECT_EQ(S3Url("s3://b/k", {{"AWS_S3_ENDPOINT", "minio:9000"}, {"AWS_HTTPS", "NO"}}), "http://minio:9000/b/k");
    EXPECT_EQ(S3Url("s3://b/k", {{"AWS_ENDPOINT_URL", "https://e/"}, {"AWS_VIRTUAL_HOSTING", "YES"}}), "https://b.e/k");
    EXPECT_EQ(S3Url("s3://b/k", {{"AWS_ENDPOINT_URL", "http://e"}, {"AWS_ENDPOINT_URL_S3", "https://f"}}), "https://f/b/k");
    EXPECT_EQ(S3Url("s3://b/a b+c=d%20e?f#g/\xc3\xa4", {}),
              "https://b.s3.us-east-1.amazonaws.com/a%20b%2Bc%3Dd%2520e%3Ff%23g/%C3%A4");
}

TEST(CurlS3, SignaturesAreRight)
{
    std::string why = "no request";
    bool good = true;
    HttpServer server([&](const HttpRequest &r) {
        bool ok = VerifySigV4(r, ID, SECRET, "eu-central-1", &why);
        good = good && ok;
        return ok ? RangeOf(r, file, "\"e\"") : Status(403, {}, Xml("SignatureDoesNotMatch"));
    });
    for (bool token : {false, true})
        for (const char *key : {"k.h5", "a/b c+d=e&f/%41.h5", "t:1*(2)'!,;@$", "a/../b/./c", "a//b", "\xc3\xa4/~x"}) {
            auto env = Aws(server);
            if (token) {
                env["AWS_SESSION_TOKEN"] = "FQoGZXIvYXdzEBYaD//" + std::string(3000, 't') + "==";
                env["AWS_REQUEST_PAYER"] = "requester";
            }
            Remote r(std::string("s3://bucket/") + key, Quick(), env);
            ASSERT_EQ(r.opened, H5R_OK) << r.error.message;
            EXPECT_EQ(r.Read({{10, 10}, {100, 20}}), H5R_OK) << key << ": " << r.error.message << "\n" << why;
            EXPECT_EQ(r.data[1], Part(file, 100, 20));
            HttpRequest q = server.requests().back();
            EXPECT_EQ(q.headers.count("x-amz-security-token"), token ? 1u : 0u);
            EXPECT_EQ(q.headers.count("x-amz-request-payer"), token ? 1u : 0u);
        }
    EXPECT_TRUE(good) << why;
}

TEST(CurlS3, WrongSecretsAreRefusedAndNeverShown)
{
    std::string why;
    HttpServer server([&](const HttpRequest &r) {
        return VerifySigV4(r, ID, "another", "eu-central-1", &why) ? RangeOf(r, file) : Status(403, {}, Xml("SignatureDoesNotMatch"));
    });
    Remote r("s3://bucket/key", Quick(), Aws(server));
    EXPECT_EQ(r.Read({{0, 10}}), H5R_ERR_IO);
    EXPECT_SAYS(r, "SignatureDoesNotMatch: Told why");
    EXPECT_SAYS(r, "AWS_SECRET_ACCESS_KEY");
    EXPECT_EQ(std::string(r.error.message).find(SECRET), std::string::npos);
    EXPECT_EQ(server.requests().size(), 1u);
}

TEST(CurlS3, AnonymousRequestsAreNotSigned)
{
    HttpServer server([](const HttpRequest &r) { return r.target == "/open/k" ? RangeOf(r, file) : Status(403, {}, Xml("AccessDenied")); });
    auto env = Aws(server);
    env["AWS_NO_SIGN_REQUEST"] = "YES";
    Remote r("s3://open/k", Quick(), env);
    EXPECT_EQ(r.Read({{0, 10}}), H5R_OK) << r.error.message;
    Remote closed("s3://closed/k", Quick(), {{"AWS_ENDPOINT_URL", server.Url("")}});
    EXPECT_EQ(closed.Read({{0, 10}}), H5R_ERR_IO);
    EXPECT_SAYS(closed, "AccessDenied");
    EXPECT_SAYS(closed, "not signed");
    for (const HttpRequest &q : server.requests())
        EXPECT_EQ(q.headers.count("authorization"), 0u);
}

TEST(CurlS3, ErrorsAreNamed)
{
    HttpServer server([](const HttpRequest &r) {
        return r.target == "/bucket/key" ? Status(404, {}, Xml("NoSuchKey")) : Status(400, {}, Xml("ExpiredToken"));
    });
    Remote missing("s3://bucket/key", Quick(), Aws(server));
    EXPECT_EQ(missing.Read({{0, 10}}), H5R_ERR_NOT_FOUND);
    EXPECT_SAYS(missing, "NoSuchKey");
    Remote expired("s3://bucket/other", Quick(), Aws(server));
    EXPECT_EQ(expired.Read({{0, 10}}), H5R_ERR_IO);
    EXPECT_SAYS(expired, "ExpiredToken");
}

TEST(CurlS3, TheRegionOfTheBucketIsFound)
{
    for (int way = 0; way < 3; way++) {
        std::string why;
        HttpServer server([&](const HttpRequest &r) {
            if (VerifySigV4(r, ID, SECRET, "ap-south-1", &why))
                return RangeOf(r, file);
            if (way == 0)
                return Status(301, {"x-amz-bucket-region: ap-south-1"}, Xml("PermanentRedirect"));
            if (way == 1)
                return Status(400, {}, Xml("AuthorizationHeaderMalformed", "<Region>ap-south-1</Region>"));
            return Status(400, {"x-amz-bucket-region: evil.com/"}, Xml("AuthorizationHeaderMalformed"));
        });
        Remote r("s3://bucket/key", Quick(), Aws(server));
        if (way == 2) {
            EXPECT_EQ(r.Read({{0, 10}}), H5R_ERR_IO);
            EXPECT_SAYS(r, "AuthorizationHeaderMalformed");
            EXPECT_EQ(server.requests().size(), 1u);
            continue;
        }
        for (int i = 0; i < 2; i++)
            ASSERT_EQ(r.Read({{0, 10}}), H5R_OK) << r.error.message << why;
        EXPECT_EQ(server.requests().size(), 3u);
    }
}

TEST(CurlS3, RedirectsElsewhereCarryNoSignature)
{
    HttpServer other([](const HttpRequest &r) { return RangeOf(r, file); });
    HttpServer server([&](const HttpRequest &) { return Status(307, {"Location: " + other.Url("/k")}); });
    auto env = Aws(server);
    env["AWS_SESSION_TOKEN"] = "token";
    Remote r("s3://bucket/key", Quick(), env);
    ASSERT_EQ(r.Read({{0, 10}}), H5R_OK) << r.error.message;
    EXPECT_EQ(server.requests()[0].headers.count("x-amz-security-token"), 1u);
    EXPECT_EQ(other.requests()[0].headers.count("authorization"), 0u);
    EXPECT_EQ(other.requests()[0].headers.count("x-amz-security-token"), 0u);

    Environment e;
    h5r_s3 s;
    ASSERT_EQ(h5r_s3_parse("s3://b/k", &s, nullptr), H5R_OK);
    EXPECT_TRUE(h5r_s3_trusts(&s, "https://b.s3-eu-west-1.amazonaws.com/k"));
    EXPECT_FALSE(h5r_s3_trusts(&s, "http://b.s3-eu-west-1.amazonaws.com/k"));
    EXPECT_FALSE(h5r_s3_trusts(&s, "https://amazonaws.com.evil.com/k"));
    EXPECT_FALSE(h5r_s3_trusts(&s, "https://evilamazonaws.com/k"));
    h5r_s3_free(&s);
}
#endif
