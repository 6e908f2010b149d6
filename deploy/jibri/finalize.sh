#!/bin/sh
# Tells jibri-autostart what became of a recording. Jibri runs it as its finalize script (docs/recordings.md); it needs
# curl, and ffprobe and timeout to measure the files. The shell may be dash or busybox's. It is one file, as it is mounted
# into containers.
#
# shellcheck disable=SC3013  # -nt and -ot: those shells have them.
# shellcheck disable=SC2012  # ls -n of one file, of which the first line's numbers are used: no name is read from it.
#
# A report is written to a spool beside the recordings first and sent from there, so none is lost with the network, the
# receiver or this process. The spool, `.jibri-reports` in the recordings directory:
#   TIME-UPTIME-N-HOST-PID.json   waits to be sent; names sort by age
#   ….json.sending.HOST-PID       taken by one run, so that another does not send it too; given back after a minute
#   refused/                      what the receiver will never take, the last 20
#   seen/SESSION                  "STATE INSTANCE PID": how far that session's directory was seen to
#   instances/NAME                which Jibris have their recordings here
#   since                         what was last written before this file is older than the script, and left alone
set -u
umask_before=$(umask)
umask 077
# Bytes are bytes; the site's own command gets its locale back.
locale_before=${LC_ALL-} had_locale=${LC_ALL+yes}
LC_ALL=C
export LC_ALL
# Whoever reads our log may go away; the report is to be written all the same. When everything is ended, we still say so.
trap '' PIPE
trap : TERM INT HUP
{ printf '' >&1; } 2>/dev/null || exec >/dev/null

# Hundredths of a second of our own work: in all, of which until the files are measured, for listing those that are not, and
# until the site's command runs.
OWN=850 LOOKING=320 LISTING=60 FIRST=550
# On a machine that is slow, so many times more.
case ${JIBRI_REPORT_PATIENCE-} in
    [1-9] | [1-9][0-9])
        OWN=$((OWN * JIBRI_REPORT_PATIENCE)) LOOKING=$((LOOKING * JIBRI_REPORT_PATIENCE))
        LISTING=$((LISTING * JIBRI_REPORT_PATIENCE)) FIRST=$((FIRST * JIBRI_REPORT_PATIENCE))
        ;;
esac
MOST_REPORTS=1000 MOST_REFUSED=20 MOST_FILES=100
# Characters of JSON; all together stay below 64 KiB.
LONGEST_FILES=40000 LONGEST_MESSAGE=16000
CR=$(printf '\r')
NL='
'

url=${JIBRI_REPORT_URL-} site=${JIBRI_REPORT_THEN-}
token=${JIBRI_REPORT_TOKEN-} token_file=${JIBRI_REPORT_TOKEN_FILE-}
# No child needs it.
unset JIBRI_REPORT_TOKEN
instance=${JIBRI_REPORT_INSTANCE:-${JIBRI_INSTANCE_ID:-$(uname -n)}}
owner=$(printf %s "$instance" | tr -c 'A-Za-z0-9._-' _)
tag=$(uname -n | tr -c 'A-Za-z0-9._\n-' _)-$$
while [ "${site%"$NL"}" != "$site" ]; do site=${site%"$NL"}; done
spool='' homeless='' sequence=0 reporting=yes unreachable=''

log() {
    printf 'jibri-report: %s\n' "$(printf %s "$*" | tr '\000-\037\177' '?')" >&2
}

# Each line of the second after the first.
log_each() {
    printf %s "$2" | while IFS= read -r line; do log "$1: $line"; done
}

has() {
    command -v "$1" >/dev/null 2>&1
}

# Hundredths of a second on a clock that nobody sets, into `now`.
clock() {
    if { read -r up _; } 2>/dev/null </proc/uptime; then
        now=$((${up%.*} * 100 + 1${up#*.} - 100))
    else
        now=$(date +%s)00
    fi
}

# What is left until then, into `left`.
until_then() {
    clock
    left=$(($1 - now))
    [ "$left" -gt 0 ] || left=0
}

# Runs what may hang on a disk for so many whole seconds at most; without timeout it is not run at all. Around it go braces
# with 2>/dev/null, as the shell says there that it was killed.
bounded() {
    has timeout || return 1
    timeout -s KILL "$@"
}

# Any bytes from standard input as a JSON string in ASCII, at most so many characters of it, of the `start` or the `end`.
# `token` is the inside of a JSON string already.
json() {
    od -An -v -tu1 | awk -v keep="$1" -v most="$2" '
        function put(c,   s) {
            if ((c == 34 || c == 92) && keep != "token") s = "\\" sprintf("%c", c)
            else if (c == 10) s = "\\n"
            else if (c == 9) s = "\\t"
            else if (c < 32 || (c > 126 && c < 65536)) s = sprintf("\\u%04x", c)
            else if (c < 127) s = sprintf("%c", c)
            else s = sprintf("\\u%04x\\u%04x", 55296 + int((c - 65536) / 1024), 56320 + c % 1024)
            piece[++pieces] = s
        }
        function byte(b) {
            if (need) {
                if (b >= low && b <= high) {
                    c = c * 64 + b - 128; low = 128; high = 191
                    if (--need == 0) put(c)
                    return
                }
                need = 0; put(65533)
            }
            low = 128; high = 191
            if (b < 128) put(b)
            else if (b >= 194 && b <= 223) { need = 1; c = b - 192 }
            else if (b >= 224 && b <= 239) { need = 2; c = b - 224; if (b == 224) low = 160; if (b == 237) high = 159 }
            else if (b >= 240 && b <= 244) { need = 3; c = b - 240; if (b == 240) low = 144; if (b == 244) high = 143 }
            else put(65533)
        }
        { for (i = 1; i <= NF; i++) byte($i + 0) }
        END {
            if (need) put(65533)
            first = 1; last = pieces
            if (keep == "end") {
                while (last > 0 && piece[last] == "\\n") last--
                for (first = last + 1; first > 1 && length(piece[first - 1]) <= most; first--) most -= length(piece[first - 1])
            } else {
                for (last = 0; last < pieces && length(piece[last + 1]) <= most; last++) most -= length(piece[last + 1])
            }
            out = ""
            for (i = first; i <= last; i++) out = out piece[i]
            print "\"" out "\""
        }'
}

# Bytes of a file, into `bytes`; only the first line counts, as a name may have more.
size() {
    bytes=$(ls -dLn -- "$1" 2>/dev/null | awk 'NR == 1 { print $5 }')
    : "${bytes:=0}"
}

# What may be a recording: Jibri's recording-extension can be anything, so it is said what is none.
is_media() {
    [ -f "$1" ] && [ ! -L "$1" ] || return 1
    case ${1##*/} in
        *.json | *.txt | *.log | *.md5 | *.sha256 | *.vtt | *.srt | *.jpg | *.png | *.part | *.tmp) return 1 ;;
    esac
}

# Seconds of a file into `seconds` (`null` if nobody can say), what is wrong with it into `trouble`, and into `condition`
# one of empty, whole, cut (readable, without an end), unreadable and unknown.
measure() {
    seconds=null trouble='' condition=unknown
    size "$1"
    name=${1##*/}
    if [ "$bytes" = 0 ]; then
        seconds=0 condition=empty trouble="$name has 0 bytes: nothing was written"
        return
    fi
    until_then "$look_until"
    if ! has ffprobe || [ "$left" -lt 100 ]; then
        return
    fi
    # Nothing that a file names is fetched.
    said=$({
        bounded "$((left / 100))" ffprobe -v error -protocol_whitelist file -show_entries format=duration \
            -of default=nk=1:nw=1 "file:$1" </dev/null 2>&1 | tr -d '\000' | tail -n 20
    } 2>/dev/null)
    last=${said##*"$NL"}
    case $said in
        *'moov atom not found'*)
            seconds=0 condition=unreadable
            trouble="$name has no index (moov atom not found): nothing of it can be read"
            return
            ;;
    esac
    case $last in
        N/A)
            # Matroska's length is written at the end.
            condition='cut'
            trouble="$name has no end, as if its Jibri was stopped while it wrote: it can be played, the last seconds may be missing"
            ;;
        *'Invalid data found'*)
            seconds=0 condition=unreadable
            trouble="$name cannot be read: it holds nothing that ffprobe knows"
            return
            ;;
        *[!0-9.]* | .* | '') ;;
        *) seconds=$last condition=whole ;;
    esac
}

# What is in the directory of a session: `files` (JSON), `troubles` (text, a line each), `meeting_url` (JSON).
look() {
    files='' troubles='' meeting_url=null more=0 number=0
    if [ ! -d "$1" ]; then
        troubles="the directory is not there: $1$NL"
        return
    fi
    for file in "$1"/*; do
        is_media "$file" || continue
        # A hundred names take their time on a machine that is busy.
        until_then "$((look_until + LISTING))"
        if [ "$number" -ge "$MOST_FILES" ] || [ "${#files}" -ge "$LONGEST_FILES" ] || [ "$left" = 0 ]; then
            more=$((more + 1))
            continue
        fi
        number=$((number + 1))
        measure "$file"
        [ -z "$trouble" ] || troubles="$troubles$trouble$NL"
        case $name in
            *[!A-Za-z0-9._-]*) quoted=$(printf %s "$name" | json start 2000) ;;
            *) quoted=\"$name\" ;;
        esac
        files="$files${files:+,}{\"name\":$quoted,\"bytes\":$bytes,\"seconds\":$seconds}"
    done
    [ "$number" -gt 0 ] || troubles="there is no media file$NL"
    [ "$more" = 0 ] || troubles="$troubles$more more files are not listed$NL"
    [ -f "$1/metadata.json" ] || return 0
    # The first of this name is Jibri's own. Half of a surrogate pair is no text.
    value=$({ bounded 1 dd if="$1/metadata.json" bs=65536 count=1 | tr -d '\000-\037' | awk '
        match($0, /"meeting_url"[ ]*:[ ]*"([^"\\]|\\["\\\/bfnrt]|\\u[0-9a-fA-F][0-9a-fA-F][0-9a-fA-F][0-9a-fA-F])*"/) {
            value = substr($0, RSTART, RLENGTH)
            sub(/^"meeting_url"[ ]*:[ ]*"/, "", value)
            if (length(value) < 2048 && value !~ /\\u[dD][89a-fA-F]/) print value
            exit
        }'; } 2>/dev/null)
    value=${value%\"}
    [ -z "$value" ] || meeting_url=$(printf %s "$value" | json token 20000)
}

# Free bytes of the disk of the recordings, or null, into `disk`.
measure_disk() {
    disk=$({ bounded 1 df -Pk -- "$recordings" | awk '
        NR > 1 { for (i = 4; i <= NF; i++) if ($i ~ /^[0-9]+%$/ && $(i - 1) ~ /^[0-9]+$/) free = $(i - 1) }
        END { if (free != "") printf "%.0f", free * 1024 }'; } 2>/dev/null)
    : "${disk:=null}"
}

# Where reports wait. Where the recordings are there may be no room or no right; what is in /tmp is at least not lost
# before the next run.
prepare() {
    spool=$recordings/.jibri-reports
    if mkdir -p "$spool/seen" "$spool/refused" "$spool/instances" 2>/dev/null && [ -w "$spool" ]; then
        printf '' 2>/dev/null >"$spool/instances/$owner"
        # The time of this file is what counts: it is the same clock as that of the recordings.
        [ -e "$spool/since" ] || printf '' 2>/dev/null >"$spool/since"
    else
        log "cannot write to $spool: reports wait in $elsewhere, and --leftovers cannot know what was seen to; let this user write there"
        spool=''
    fi
    case $url in
        '')
            reporting=''
            log "JIBRI_REPORT_URL is not set, so nothing is reported; set it to the HTTP port of jibri-autostart, like http://jibri-autostart:8790"
            ;;
        http://?* | https://?*)
            while [ "${url%/}" != "$url" ]; do url=${url%/}; done
            ;;
        *) log "JIBRI_REPORT_URL is no URL that begins with http:// or https://, so reports wait in ${spool:-$elsewhere}" ;;
    esac
    read_token
}
elsewhere=${TMPDIR:-/tmp}/jibri-reports-$(id -u)

read_token() {
    [ -n "$token_file" ] || return 0
    token=''
    { IFS= read -r token; } 2>/dev/null <"$token_file"
    token=${token%"$CR"}
    [ -n "$token" ] || log "JIBRI_REPORT_TOKEN_FILE: no token can be read from $token_file as $(id -un 2>/dev/null || id -u)"
}

# The place in /tmp, if it is ours: others may write to /tmp too.
is_ours() {
    [ -d "$1" ] && [ ! -L "$1" ] && [ "$(ls -dn -- "$1" | awk 'NR == 1 { print $3 }')" = "$(id -u)" ]
}

# Writes a report where it waits; fails where there is no room for it.
keep() {
    sequence=$((sequence + 1))
    for place in "$spool" "$elsewhere"; do
        [ -n "$place" ] || continue
        if [ "$place" = "$elsewhere" ]; then
            mkdir -m 700 "$place" 2>/dev/null
            is_ours "$place" || continue
        fi
        new=$place/.new.$tag.$sequence
        printf '%s\n' "$1" 2>/dev/null >"$new"
        size "$new"
        # Process ids begin anew, so within a second the uptime says what is older.
        clock
        kept=$place/$(date -u +%Y%m%dT%H%M%SZ)-$(printf %012d "$now")-$sequence-$tag.json
        # On a full disk it may be there and be cut.
        if [ "$bytes" = $((${#1} + 1)) ] && mv -- "$new" "$kept" 2>/dev/null; then
            bound_spool "$place"
            return 0
        fi
        rm -f -- "$new" 2>/dev/null
    done
    return 1
}

bound_spool() {
    place=$1
    set -- "$place"/*.json
    [ $# -gt "$MOST_REPORTS" ] || return 0
    log "more than $MOST_REPORTS reports wait in $place: the oldest are dropped; see that they can be sent (--test)"
    while [ $# -gt "$MOST_REPORTS" ]; do
        rm -f -- "$1"
        shift
    done
}

escaped() {
    printf %s "$1" | sed 's/[\\"]/\\&/g'
}

# Sends the body in a file, until the time `until`; into `verdict`: taken, refused (for good), later (as the receiver cannot
# be reached or must be set right first) or next (later, but another may be taken), and into `why` the reason.
post() {
    verdict=later
    case $url in
        http://?* | https://?*) ;;
        *) why="JIBRI_REPORT_URL is no URL" && return ;;
    esac
    case $url$token in
        *[[:cntrl:]]*) why="there are control characters in JIBRI_REPORT_URL or the token" && return ;;
    esac
    has curl || { why="curl is not there: install it" && return; }
    until_then "$until"
    [ "$left" -ge 30 ] || { why="there was no time left" && return; }
    # By standard input, as the arguments of a process can be read by everybody.
    answer=$({
        printf 'url = "%s/api/v1/recordings"\n' "$(escaped "$url")"
        [ -z "$token" ] || printf 'header = "Authorization: Bearer %s"\n' "$(escaped "$token")"
    } | curl -q -K - -g -s -S --max-time "$((left / 100)).$((left % 100 / 10))" -H 'Content-Type: application/json' \
        -H 'Expect:' --data-binary "@$1" -w '\n%{http_code}' 2>&1 | tr -cd '\040-\176\n' | tail -c 2000)
    code=${answer##*"$NL"}
    said=$(printf %s "${answer%"$NL"*}" | tr -s '\n' ' ' | cut -c 1-400)
    said=${said% }
    case $code in
        2??) verdict=taken why='' ;;
        401 | 403) why="the token is refused ($code): make JIBRI_REPORT_TOKEN or JIBRI_REPORT_TOKEN_FILE what jibri.webhook_token is. $said" ;;
        404 | 405) why="nothing takes reports there ($code): see that JIBRI_REPORT_URL leads to jibri-autostart, and that jibri.webhook_token is set there. $said" ;;
        421) why="the name in JIBRI_REPORT_URL is not known there (421): add it to http.hosts. $said" ;;
        3??) why="it leads elsewhere ($code): set JIBRI_REPORT_URL to where it ends" ;;
        500) verdict=next why="the receiver failed (500). $said" ;;
        407 | 408 | 425 | 429 | 5??) why="it cannot be taken now ($code). $said" ;;
        # It speaks of the report, which stays as it is.
        4??) verdict=refused why="$code: $said" ;;
        *) why=${said:-"no answer in time"} ;;
    esac
}

# Sends what waits, oldest first, until the time `until`. Whoever can rename a report to its own name sends it.
send() {
    [ -n "$reporting" ] && [ -z "$unreachable" ] || return 0
    [ -n "$token$shown_no_token" ] || log "there is no token: set JIBRI_REPORT_TOKEN_FILE or JIBRI_REPORT_TOKEN to what jibri.webhook_token is"
    shown_no_token=yes told=''
    for place in "$spool" "$elsewhere"; do
        [ -n "$place" ] || continue
        [ "$place" = "$spool" ] || is_ours "$place" || continue
        give_back "$place"
        for report in "$place"/*.json; do
            [ -e "$report" ] || continue
            until_then "$until"
            [ "$left" -ge 50 ] || { log "reports wait in $place: there was no time to send all; the next run goes on" && return; }
            # The time of a claim is that of its beginning.
            touch -c -- "$report"
            claim=$report.sending.$tag
            mv -- "$report" "$claim" 2>/dev/null || continue
            post "$claim"
            case $verdict in
                taken) rm -f -- "$claim" ;;
                refused) refuse "$claim" ;;
                *)
                    mv -- "$claim" "$report"
                    [ "$told" = "$why" ] || log "a report waits in $place and is sent with the next one: $why"
                    told=$why
                    [ "$verdict" = next ] || { unreachable=yes && return; }
                    ;;
            esac
        done
    done
}
shown_no_token=''

# What a run that was killed had taken or half written.
give_back() {
    find "$1/." ! -name . -prune -name '*.json.sending.*' -mmin +1 -exec sh -c '
        for claim do mv -- "$claim" "${claim%.sending.*}"; done' sh {} + 2>/dev/null
    find "$1/." ! -name . -prune -name '.new.*' -mmin +10 -exec rm -f -- {} + 2>/dev/null
}

# It would stand in the way of all later ones for ever; it is kept for whoever looks for the reason.
refuse() {
    mkdir -p "${1%/*}/refused" 2>/dev/null
    refused=${1%/*}/refused
    kept_as=${1##*/}
    mv -- "$1" "$refused/${kept_as%.sending.*}" 2>/dev/null || rm -f -- "$1"
    log "the receiver refuses a report for good, it was moved to $refused: $why"
    set -- "$refused"/*
    while [ $# -gt "$MOST_REFUSED" ]; do
        rm -f -- "$1"
        shift
    done
}

# report EVENT EXIT_STATUS MESSAGE (the last two as JSON): written where it waits, and everything sent that waits.
report() {
    [ -n "$reporting" ] || return 0
    measure_disk
    body="{\"session_id\":$session,\"instance\":$quoted_instance,\"event\":\"$1\",\"files\":[$files],\"disk_free_bytes\":$disk"
    body="$body,\"exit_status\":$2,\"message\":$3,\"meeting_url\":$meeting_url}"
    send_homeless
    if ! keep "$body"; then
        homeless=$homeless${homeless:+$NL}$body
        log "there is no room for the report, neither beside the recordings nor in ${TMPDIR:-/tmp}: it is sent at once or lost; make room"
        send_homeless
    fi
    send
}

# Reports for which there was no room: they are in our memory alone, one a line.
send_homeless() {
    waiting=$homeless homeless=''
    while [ -n "$waiting" ]; do
        one=${waiting%%"$NL"*}
        case $waiting in
            *"$NL"*) waiting=${waiting#*"$NL"} ;;
            *) waiting='' ;;
        esac
        keep "$one" && continue
        post /dev/fd/3 3<<REPORT
$one
REPORT
        case $verdict in
            taken) ;;
            refused) log "the receiver refuses a report for good: $why" ;;
            *) homeless=$homeless${homeless:+$NL}$one && log "a report for which there is no room could not be sent: $why" ;;
        esac
    done
}

text() {
    if [ -n "$1" ]; then printf %s "${1%"$NL"}" | json start "$LONGEST_MESSAGE"; else echo null; fi
}

# Whose directory it is: the session's name, and where the spool is.
identify() {
    directory=$1
    case $directory in
        /*) ;;
        *) directory=$PWD/$directory ;;
    esac
    while [ "${directory%/}" != "$directory" ]; do directory=${directory%/}; done
    recordings=${directory%/*} name=${directory##*/}
    marker_name=$name
    session=$(printf %s "$name" | json start 2000)
    quoted_instance=$(printf %s "$instance" | json start 2000)
}

# begun, running (the site's command), done; salvaging, salvaged. An empty one, as a full disk leaves it, is as good as done.
mark() {
    [ -z "$spool" ] || printf '%s\n' "$1 $owner $$" 2>/dev/null >"$spool/seen/$marker_name" || true
}

# Runs the site's command: its output goes where ours goes, and its last 20 lines into `message` as JSON; its status into
# `status`, which is empty if it was ended with us.
run_then() {
    exec 5>&1
    result=$({
        {
            (
                trap - PIPE
                umask "$umask_before"
                if [ -n "$had_locale" ]; then LC_ALL=$locale_before; else unset LC_ALL; fi
                # A file, or else a command line.
                [ ! -f "$site" ] || exec "$site" "$1"
                exec sh -c "$site"' "$@"' jibri-report "$1"
            ) 2>&1 3>&- 5>&-
            echo "$?" >&3
        } | tee /dev/fd/4 4>&1 >&5 3>&- 5>&- | tail -c "$LONGEST_MESSAGE" | tail -n 20 | json end "$LONGEST_MESSAGE"
    } 3>&1)
    exec 5>&-
    status=${result%%"$NL"*} message=${result#*"$NL"}
    case $status in
        '' | *[!0-9]*) status='' ;;
    esac
}

finalize() {
    clock
    begin=$now
    identify "$1"
    prepare
    mark begun
    look_until=$((begin + LOOKING))
    until=$((begin + FIRST))
    [ -n "$site" ] || until=$((begin + OWN))
    has ffprobe || log "ffprobe is not there, so nobody knows how long the files are; install ffmpeg"
    has timeout || log "timeout is not there, so nothing is measured, as a disk may hang; install coreutils"
    look "$directory"
    log_each "$directory" "$troubles"
    report written null "$(text "$troubles")"
    status=0
    if [ -n "$site" ]; then
        clock
        used=$((now - begin))
        mark running
        run_then "$directory"
        clock
        until=$((now + OWN - used))
        # It may have taken hours.
        unreachable=''
        if [ "$status" = 0 ]; then
            report delivered 0 null
        elif [ -z "$status" ]; then
            log "JIBRI_REPORT_THEN was ended from outside: see whether the recording has arrived"
            report failed null "$(text "JIBRI_REPORT_THEN was ended from outside before it was through: see whether the recording has arrived")"
            status=143
        else
            log "JIBRI_REPORT_THEN exited with $status: $site"
            [ "$message" != '""' ] || message=$(text "JIBRI_REPORT_THEN exited with $status and said nothing")
            report failed "$status" "$message"
        fi
    fi
    if [ -d "$directory" ]; then
        mark 'done'
    elif [ -n "$spool" ]; then
        rm -f -- "$spool/seen/$marker_name"
    fi
    [ -z "$homeless" ] || log "a report is lost, as there was no room for it and nobody took it"
    # Jibri only logs it, and so it still tells of the site's command.
    exit "$status"
}

# leftovers: directories that no finalize ever saw, as Jibri or its machine was stopped while it recorded.

# Whether this run of the script is still alive; only we share a table of processes with it.
is_alive() {
    [ -n "$1" ] && [ "$1" != "$$" ] && tr '\000' ' ' 2>/dev/null <"/proc/$1/cmdline" | grep -q -F -- "${0##*/}"
}

# Whether a directory has a file that was written after this one.
newer_than() {
    for file in "$2"/*; do
        [ ! "$file" -nt "$1" ] || return 0
    done
    return 1
}

# Whether another Jibri has had its recordings here within the last month.
is_shared() {
    for other in "$spool"/instances/*; do
        [ "${other##*/}" = "$owner" ] || [ -z "$(find "$other" -mtime -30 2>/dev/null)" ] || return 0
    done
    return 1
}

is_leftover() {
    [ -d "$1" ] && [ ! -L "$1" ] || return 1
    marker=$spool/seen/${1##*/}
    if [ -e "$marker" ]; then
        state='' who='' pid=''
        read -r state who pid <"$marker"
        case $state in
            begun | salvaging | running)
                # Of another Jibri only time tells, as where each pod has a name of its own.
                if [ "$who" = "$owner" ]; then
                    ! is_alive "$pid" || return 1
                else
                    minutes=1440
                    [ "$state" != salvaging ] || minutes=60
                    [ -n "$(find "$marker" -mmin "+$minutes")" ] || return 1
                fi
                if [ "$state" = running ]; then
                    interrupted "$1"
                    return 1
                fi
                ;;
            # A session that moved to another Jibri goes on in the same directory, where they share it.
            salvaged) newer_than "$marker" "$1" || return 1 ;;
            *) return 1 ;;
        esac
    fi
    found=''
    for file in "$1"/*; do
        if is_media "$file"; then
            [ "$file" -ot "$spool/since" ] || return 0
            found=yes
        fi
    done
    # What holds something else is an administrator's.
    [ -f "$1/metadata.json" ] || [ -z "$(ls -A -- "$1" 2>/dev/null)" ] || return 1
    # Jibri may have just made it.
    [ -z "$found" ] && [ ! "$1" -ot "$spool/since" ] && [ -n "$(find "$1" -prune -mmin +10)" ]
}

# The site's command was ended with its Jibri, and with it whoever would have said so.
interrupted() {
    identify "$1"
    clock
    look_until=$((now + LOOKING))
    look "$directory"
    report failed null "$(text "Jibri or its machine was stopped while JIBRI_REPORT_THEN was running: see whether the recording has arrived, or run $0 with this directory again")"
    mark 'done'
    log "$directory: JIBRI_REPORT_THEN was never through"
}

# What can be read of a file without an end, into a new file beside it; tells of it in `trouble`.
copy() {
    ending=${name##*.}
    case $ending in
        mkv | webm | mp4 | mov | ts | flv | avi | m4a | mka) ;;
        *) ending=mkv ;;
    esac
    copied=${name%.*}.salvaged.$ending
    [ ! -e "$directory/$copied" ] || return 0
    measure_disk
    if [ "$disk" != null ] && [ "$disk" -lt "$bytes" ]; then
        again=yes trouble="$name has no end and can be played as it is, up to the last seconds; there is no room on the disk to copy it"
        return
    fi
    until_then "$bound"
    if [ "$left" -lt 100 ]; then
        again=yes trouble="$name has no end; there was no time to copy it, that is tried again before Jibri's next start"
        return
    fi
    half=$directory/.salvaging.$tag.$copied
    said=$({
        umask "$umask_before"
        bounded "$((left / 100))" ffmpeg -nostdin -y -v error -protocol_whitelist file -i "file:$1" -map 0 -c copy \
            "file:$half" 2>&1 </dev/null | tr -d '\000' | tail -n 1
    } 2>/dev/null)
    original=$name
    measure "$half"
    if [ "$condition" = whole ] && mv -- "$half" "$directory/$copied"; then
        trouble="$original has no end: all that can be read of it is in $copied; the last seconds before its Jibri was stopped may be missing"
        return
    fi
    rm -f -- "$half"
    until_then "$bound"
    trouble="$original has no end and could not be copied (${said:-ffmpeg was ended}); it may be played as it is, up to the last seconds"
    [ "$left" -lt 100 ] || return 0
    trouble="$original has no end and is too large to be copied within $longest s; it can be played as it is, up to the last seconds"
    # It did not have all of the time to itself.
    if [ "$handled" != 0 ]; then
        again=yes trouble="$original has no end; there was no time to copy it, that is tried again before Jibri's next start"
    fi
}

salvage() {
    identify "$1"
    # Two Jibris may share the recordings, and come back at once.
    is_leftover "$directory" || return 0
    marker=$spool/seen/$marker_name
    rm -f -- "$marker"
    (set -C && printf '%s\n' "salvaging $owner $$" >"$marker") 2>/dev/null || return 0
    rm -f -- "$directory"/.salvaging.*
    look_until=$bound lost='' again=''
    for file in "$directory"/*; do
        is_media "$file" || continue
        case ${file##*/} in
            *.salvaged.*) continue ;;
        esac
        measure "$file"
        case $condition in
            cut) copy "$file" ;;
            whole) trouble="$name is whole; its finalize never ran, so nobody has delivered it" ;;
            unknown) trouble="$name could not be examined" ;;
        esac
        lost=$lost$trouble$NL
    done
    look "$directory"
    [ "$number" -gt 0 ] || lost="nothing was recorded$NL"
    log_each "$directory was never finalized" "$lost"
    report salvaged null "$(text "$lost")"
    if [ -z "$again" ]; then mark salvaged; else rm -f -- "$marker"; fi
}

# Root would leave files that Jibri cannot write to.
as_owner() {
    [ "$(id -u)" = 0 ] || return 0
    user=$(ls -ld -- "$recordings" | awk 'NR == 1 { print $3 }')
    [ "$user" != root ] || return 0
    JIBRI_REPORT_TOKEN=$token
    [ -z "$token" ] || export JIBRI_REPORT_TOKEN
    has runuser && exec runuser -u "$user" -- sh "$0" --leftovers "$recordings"
    log "run this as $user, whose $recordings is"
    exit 0
}

leftovers() {
    identify "$1/any"
    if [ ! -d "$recordings" ]; then
        log "there is no directory $recordings; name the one of Jibri's recordings: --leftovers DIRECTORY"
        exit 0
    fi
    as_owner
    prepare
    [ -n "$spool" ] || exit 0
    longest=${JIBRI_REPORT_LEFTOVERS_SECONDS:-80} quiet=${JIBRI_REPORT_QUIET_SECONDS:-40}
    clock
    bound=$((now + longest * 100)) until=$((now + FIRST))
    send
    if ! has ffprobe || ! has ffmpeg || ! has timeout; then
        log "ffprobe, ffmpeg and timeout are needed to see to recordings that were cut off"
        exit 0
    fi
    for marker in "$spool"/seen/*; do
        [ -d "$recordings/${marker##*/}" ] || rm -f -- "$marker"
    done
    set --
    fresh=''
    # What processes that we can see have open, like our own Jibri's ffmpeg.
    # shellcheck disable=SC2010  # It is the target of each link that is looked for.
    opened=$(ls -l /proc/[0-9]*/fd 2>/dev/null | grep -F -e "-> $recordings/")
    for candidate in "$recordings"/*; do
        is_leftover "$candidate" || continue
        case $opened in
            *"-> $candidate/"*)
                log "$candidate is being written to, so it is left alone"
                continue
                ;;
        esac
        set -- "$@" "$candidate"
        [ -z "$(find "$candidate" -type f -mmin -2 2>/dev/null)" ] || fresh=yes
    done
    # Another may be writing there, unseen by us: ffmpeg does so every few seconds (docs/jitsi.md 6.1).
    if [ -n "$fresh" ] && is_shared; then
        mark_of_time=$spool/.quiet.$tag
        printf '' 2>/dev/null >"$mark_of_time"
        sleep "$quiet"
        for candidate do
            shift
            if newer_than "$mark_of_time" "$candidate"; then
                log "$candidate is being written to, so it is left alone"
            else
                set -- "$@" "$candidate"
            fi
        done
        rm -f -- "$mark_of_time"
    fi
    handled=0
    # The newest first: people ask for it now. What there is no time for waits for the next start.
    while [ $# -gt 0 ]; do
        until_then "$bound"
        if [ "$left" -lt 100 ]; then
            log "$# directories wait for the next start: $longest s (JIBRI_REPORT_LEFTOVERS_SECONDS) are over"
            break
        fi
        newest=$1
        for candidate do
            [ ! "$candidate" -nt "$newest" ] || newest=$candidate
        done
        for candidate do
            shift
            [ "$candidate" = "$newest" ] || set -- "$@" "$candidate"
        done
        clock
        until=$((now + FIRST))
        salvage "$newest"
        handled=$((handled + 1))
    done
    exit 0
}

say() {
    printf '%-5s %s\n' "$1" "$2"
    [ "$1" != FAIL ] || status=1
}

# Whether all is there, and the receiver takes our token. What is sent there is no report, so it is refused as none.
examine() {
    status=0
    recordings=$1
    for tool in curl awk od timeout ffprobe ffmpeg; do
        if has "$tool"; then
            say ok "$tool"
        else
            case $tool in
                curl | awk | od) say FAIL "$tool is not there: nothing can be reported; install it" ;;
                timeout) say warn "timeout is not there: nothing is measured; install coreutils" ;;
                *) say warn "$tool is not there: files cannot be measured or salvaged; install ffmpeg" ;;
            esac
        fi
    done
    if [ -z "$recordings" ]; then
        say warn "the directory of the recordings was not named: --test DIRECTORY"
    elif [ -d "$recordings" ] && [ -w "$recordings" ]; then
        say ok "$recordings can be written to"
    else
        say FAIL "$recordings is no directory that $(id -un 2>/dev/null || id -u) can write to"
    fi
    if [ -n "$site" ]; then say ok "afterwards: $site"; else say ok "JIBRI_REPORT_THEN is not set: nothing is delivered, recordings stay 'written'"; fi
    recordings=${recordings:-/nonexistent}
    spool=$recordings/.jibri-reports
    read_token
    if [ -z "$url" ]; then
        say FAIL "JIBRI_REPORT_URL is not set"
    elif [ -z "$token" ]; then
        say FAIL "there is no token: set JIBRI_REPORT_TOKEN_FILE or JIBRI_REPORT_TOKEN to what jibri.webhook_token is"
    else
        clock
        until=$((now + FIRST))
        post /dev/fd/3 3<<REPORT
{}
REPORT
        case $verdict in
            taken | refused) say ok "$url takes reports, with this token, as $instance" ;;
            *) say FAIL "$url: $why" ;;
        esac
    fi
    exit "$status"
}

usage() {
    cat <<'USAGE'
Tells jibri-autostart what became of a recording of Jibri.

finalize.sh DIRECTORY               of a session: as Jibri runs it (jibri.recording.finalize-script)
finalize.sh --leftovers [DIRECTORY] of all recordings: before Jibri starts; sees to what was cut off
finalize.sh --test [DIRECTORY]      of all recordings: whether everything is set up

JIBRI_REPORT_URL         the HTTP port of jibri-autostart, like http://jibri-autostart:8790
JIBRI_REPORT_TOKEN_FILE  a file with its jibri.webhook_token; or JIBRI_REPORT_TOKEN, the token itself
JIBRI_REPORT_INSTANCE    the name of this Jibri; else JIBRI_INSTANCE_ID, else the name of the host
JIBRI_REPORT_THEN        the site's own script, or a command line: run with DIRECTORY once the report is written
JIBRI_REPORT_LEFTOVERS_SECONDS  how long --leftovers may take (80)
JIBRI_REPORT_QUIET_SECONDS      a file not written to for so long is nobody's (40)
JIBRI_REPORT_PATIENCE           on a slow machine: so many times 10 s may its own work take (1)

The exit status is that of JIBRI_REPORT_THEN, else 0; Jibri only logs it. --test exits with 1 if something is missing.
USAGE
}

case ${1-} in
    --help | -h) usage ;;
    --test) examine "${2:-${JIBRI_RECORDING_DIR-}}" ;;
    --leftovers) leftovers "${2:-${JIBRI_RECORDING_DIR:-/storage/recordings}}" ;;
    '' | -*)
        usage >&2
        exit 2
        ;;
    *) finalize "$1" ;;
esac
