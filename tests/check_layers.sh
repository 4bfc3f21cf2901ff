#!/usr/bin/env bash
# Includes point downwards only: util < format < filter < io < object < index < read < check < api.c. Decoders and codecs are pure, so
# they lie below I/O. libcurl is known to the HTTP source alone, GDAL to the driver alone.
set -euo pipefail
cd "$(dirname "$0")/../core/src"
order="util format filter io object index read check"
bad=0
below=
for layer in $order; do
    below="$below $layer"
    for file in "$layer"/*.[ch]; do
        while read -r to; do
            case " $below " in
            *" $to "*) ;;
            *) echo "$file includes $to/, a layer above $layer/"; bad=1 ;;
            esac
        done < <(sed -n 's/^#include "\([a-z]*\)\/.*/\1/p' "$file")
    done
done
if grep -ln 'curl/curl.h' -r . | grep -v -E '^./io/(source_curl\.c|session\.[ch]|transfer\.c|http\.c|s3\.c|remote\.h)$'; then
    echo "libcurl is included outside the HTTP source"
    bad=1
fi
if grep -rnE '#include [<"](gdal|cpl_|ogr)' .. ; then
    echo "GDAL is included in the core"
    bad=1
fi
exit $bad
