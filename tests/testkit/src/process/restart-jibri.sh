#!/bin/bash
# Has the test's service manager restart the instance $1, as `docker restart` would: ends when that is done.
exec 3<>/dev/tcp/127.0.0.1/PORT || exit 1
printf 'POST /restart/%s HTTP/1.1\r\nContent-Length: 0\r\n\r\n' "$1" >&3
IFS= read -r status <&3 || exit 1
length=0
while IFS= read -r line <&3 && line=${line%$'\r'} && [ -n "$line" ]; do
    case $line in Content-Length:*) length=${line#*: } ;; esac
done
IFS= read -r -N "$length" words <&3
printf '%s' "$words"
case $status in *' 200 '*) exit 0 ;; *) exit 1 ;; esac
