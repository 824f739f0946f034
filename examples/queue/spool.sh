#!/bin/sh
# Prints a demand document from a spool directory, as a command for the queue
# source "exec":
#
#   queue:
#     exec: {command: [/usr/local/bin/spool.sh, /var/spool/cluster]}
#
# waiting/JOB holds the fields of a waiting job, such as "tasks: 4, cores: 2";
# running/JOB holds the name of the host that the job runs on. A job that starts
# is moved from one to the other.
set -eu

cd "${1:?usage: spool.sh DIRECTORY}"
# A missing directory must be a failure and not an empty list.
[ -r waiting ] && [ -r running ] || {
    echo "no readable waiting and running in $PWD" >&2
    exit 1
}

# Waiting jobs come first: a job that starts between the two loops is then told
# twice, which is harmless, and never left out, which would cost it its node.
echo 'jobs: ['
for job in waiting/*; do
    [ -e "$job" ] || continue # there is none, or it has just started
    fields=$(cat "$job" 2>/dev/null) || continue
    printf '  {id: "%s", %s},\n' "${job#waiting/}" "$fields"
done
echo ']'

echo 'running: ['
for job in running/*; do
    [ -e "$job" ] || continue
    host=$(cat "$job" 2>/dev/null) || continue # it has just ended
    printf '  {job: "%s", host: "%s"},\n' "${job#running/}" "$host"
done
echo ']'
