#!/usr/bin/env bash
# demo.sh [URI] - shows h5range at work on a file of a server: the command, gdalinfo, gdalmdiminfo and a window through GDAL, with what each
# took. Installs what is missing (Debian 12, root or sudo) and builds build/release. Without a URI it serves tests/data/sst_global.nc, and
# two products of the shared corpus where that is there, from an nginx on loopback that runs as nobody and stops with the script.
set -euo pipefail

uri=${1:-}
if [ "$uri" = -h ] || [ "$uri" = --help ] || [ $# -gt 1 ]; then
    sed -n '2,4s/^# //p' "$0"
    exit 2
fi
[ -z "$uri" ] || [ ! -e "$uri" ] || uri=$(realpath "$uri")
cd "$(dirname "$0")/.."
shared=${H5RANGE_SHARED:-../shared}
bin=build/release/bin/h5range
export GDAL_DRIVER_PATH=$PWD/build/release/gdalplugins

server=
folder=
seen() { if [ -z "$server" ]; then echo 0; else wc -l <"$folder/access.log"; fi; } # requests so far
heading() { printf '\n== %s\n' "$*"; }

# show LINES COMMAND...: the command as a user would type it, the first lines of what it prints, and what our server saw of it
show() {
    local lines=$1 out status=0 before
    shift
    printf '\n$'
    printf ' %s' "${@@Q}" | sed -E "s/'([A-Za-z0-9_.,:\/=-]+)'/\1/g"
    printf '\n'
    before=$(seen)
    out=$("$@" 2>&1) || status=$?
    [ "$lines" = 0 ] || awk -v max="$lines" 'NR <= max { print (length($0) > 180 ? substr($0, 1, 177) "..." : $0) } END { if (NR > max) printf "... %d more lines\n", NR - max }' <<<"$out"
    [ -z "$server" ] || awk -v from="$before" 'NR > from { n++; bytes += $3 } END { printf "(the server answered %d request%s with %d bytes)\n", n, n == 1 ? "" : "s", bytes }' "$folder/access.log"
    [ "$status" = 0 ] || echo "(exit code $status)"
    return "$status"
}

heading "Packages"
bash scripts/deps.sh
echo "all there"

heading "Build"
log=$(mktemp)
if ! { cmake --preset release && cmake --build build/release --target h5range_cli gdal_H5RANGE; } >"$log" 2>&1; then
    tail -n 40 "$log"
    rm -f "$log"
    echo "demo.sh: the build failed" >&2
    exit 1
fi
rm -f "$log"
show 3 "$bin" --version

# ---------------------------------------------------------------- a server, unless a URI was given
stop() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    [ -z "$server" ] || wait "$server" 2>/dev/null || true
    [ -z "$folder" ] || rm -rf "$folder"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

serve() { # a free port is asked for and then used: another process may take it in between, so a few are tried
    local as_nobody= nginx
    nginx=$(command -v nginx || echo /usr/sbin/nginx)
    if [ "$(id -u)" = 0 ]; then
        chown -R nobody:nogroup "$folder"
        as_nobody="setpriv --reuid=nobody --regid=nogroup --clear-groups"
    fi
    for _ in 1 2 3 4 5; do
        port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
        cat >"$folder/nginx.conf" <<END
daemon off;
worker_processes 2;
pid $folder/pid;
events { worker_connections 256; }
http {
    log_format short '\$request_method \$status \$body_bytes_sent';
    access_log $folder/access.log short;
    client_body_temp_path $folder/tmp; proxy_temp_path $folder/tmp; fastcgi_temp_path $folder/tmp; uwsgi_temp_path $folder/tmp; scgi_temp_path $folder/tmp;
    default_type application/x-netcdf;
    server { listen 127.0.0.1:$port; root $folder/www; }
}
END
        $as_nobody "$nginx" -p "$folder" -c "$folder/nginx.conf" -e "$folder/error.log" 2>>"$folder/start.log" &
        server=$!
        for _ in $(seq 50); do
            if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && kill -0 "$server" 2>/dev/null; then
                return 0
            fi
            kill -0 "$server" 2>/dev/null || break
            sleep 0.1
        done
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
        server=
    done
    cat "$folder"/*.log >&2 2>/dev/null || true
    echo "demo.sh: nginx did not start" >&2
    return 1
}

if [ -z "$uri" ]; then
    folder=$(mktemp -d /tmp/h5range-demo.XXXXXX)
    chmod 755 "$folder"
    mkdir "$folder/www" "$folder/tmp"
    cp tests/data/sst_global.nc "$folder/www/"
    merra=$shared/corpus/files/nasa+harmony-opendap-subsetter/tests/data/M2T1NXSLV_temporal.nc4
    gpm=$shared/corpus/files/wradlib+wradlib-data/data/gpm/2A-RW-BRS.GPM.Ku.V6-20160118.20141206-S095002-E095137.004383.V04A.HDF5
    [ ! -r "$merra" ] || cp "$merra" "$folder/www/merra2.nc4"
    [ ! -r "$gpm" ] || cp "$gpm" "$folder/www/gpm.h5"
    chmod -R a+rX "$folder/www"
    serve
    heading "A range server"
    echo "nginx on http://127.0.0.1:$port serves" "$(ls "$folder/www" | tr '\n' ' ')"
    uri=http://127.0.0.1:$port/sst_global.nc
    array=/analysed_sst
fi

# ---------------------------------------------------------------- what is shown of a file
gdal_name() { # as GDAL takes it: local files by prefix, because the driver leaves them to others otherwise
    if [ -e "$1" ]; then echo "H5RANGE:$1"; else echo "$1"; fi
}
in_file() { echo "H5RANGE:\"$1\":$2"; }

heading "What is in the file: every group, dataset and attribute"
show 60 "$bin" tree --attributes --stats "$uri"

heading "The same through GDAL: its arrays as subdatasets"
show 40 gdalinfo "$(gdal_name "$uri")"

heading "The multidimensional view"
show 60 gdalmdiminfo "$(gdal_name "$uri")"

if [ -n "${array:-}" ]; then
    heading "For comparison: the same without the plugin, by the driver that GDAL has for such files"
    show 0 env -u GDAL_DRIVER_PATH gdalmdiminfo "/vsicurl/$uri" || echo "(it does not open the file here)"
    heading "One array as a raster: a band for each time, georeferenced, with the chunk as its block"
    show 36 gdalinfo -nomd "$(in_file "$uri" "$array")"
    heading "A window of it, as rasterio reads one: the chunks under the window, and no others"
    show 20 /usr/bin/python3 scripts/window.py "$(in_file "$uri" "$array")" 120 60 8 6
    heading "The same values as they are stored (latitudes ascend in the file: row 60 of the raster is 119 there)"
    show 12 "$bin" cat --stats --slice "0,119:113:-1,120:128" "$uri#$array"
else
    heading "A window of its largest array, as rasterio reads one"
    show 20 /usr/bin/python3 scripts/window.py "$(gdal_name "$uri")"
fi

if [ -n "$folder" ] && [ -e "$folder/www/merra2.nc4" ]; then
    heading "A product of MERRA-2: surface pressure, two hours"
    show 30 "$bin" tree --stats "http://127.0.0.1:$port/merra2.nc4"
    show 20 /usr/bin/python3 scripts/window.py "$(in_file "http://127.0.0.1:$port/merra2.nc4" /PS)"
fi
if [ -n "$folder" ] && [ -e "$folder/www/gpm.h5" ]; then
    heading "A swath of GPM's radar: precipitation in nested groups"
    show 40 "$bin" tree --stats "http://127.0.0.1:$port/gpm.h5"
    show 20 /usr/bin/python3 scripts/window.py "$(in_file "http://127.0.0.1:$port/gpm.h5" /NS/CSF/heightBB)"
fi
