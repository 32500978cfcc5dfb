#!/bin/bash
# usage: slurm_down.sh BASE     ends the jobs and the daemons that slurm_up.sh started
set -u
BASE=$1
export SLURM_CONF=$BASE/slurm.conf
# Not kill -0: where process 1 reaps late, that succeeds on zombies.
runs() {
  local stat
  stat=$(cat "/proc/$1/stat" 2> /dev/null) || return 1
  stat=${stat##*) }
  [ "${stat%% *}" != Z ]
}
for user in $(id -un) nobody; do scancel -u $user 2> /dev/null; done
for _ in $(seq 70); do
  [ -z "$(squeue -h 2> /dev/null)" ] && break
  sleep 0.1
done
for file in "$BASE/slurmd.pid" "$BASE/slurmctld.pid" "$BASE/munge/pid"; do
  [ -s "$file" ] || continue
  pid=$(cat "$file")
  kill "$pid" 2> /dev/null
  for _ in $(seq 50); do
    runs "$pid" || break
    sleep 0.1
  done
  runs "$pid" && kill -KILL "$pid"
done
# Slurm leaves the empty folders of its cgroups.
if grep -q '^[PT][a-zA-Z]*=[a-z]*/cgroup' "$SLURM_CONF" 2> /dev/null; then
  find /sys/fs/cgroup/*/slurm_* -depth -type d -exec rmdir {} \; 2> /dev/null
fi
true
