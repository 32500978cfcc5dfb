#!/bin/sh
# Run a command that starts a kernel in a Slurm job, and bring the kernel's ports over
# from the node: for clusters where 127.0.0.1 of a node is not that of the notebook
# server, and where ssh to a node is allowed to who has a job there.
#
# usage: srun-tunnels.sh CONNECTION_FILE srun ...
set -u
file=$1
shift

# srun takes the name of its job from the environment.
SLURM_JOB_NAME=$(basename "$file" .json)
export SLURM_JOB_NAME

forwards=
for port in $(sed -n 's/.*"[a-z]*_port": *\([0-9]*\).*/\1/p' "$file"); do
  forwards="$forwards -L 127.0.0.1:$port:127.0.0.1:$port"
done

# Interrupts come as messages, through the tunnels.
trap '' INT
trap 'exit 143' HUP TERM
trap 'kill $job $tunnels 2> /dev/null' EXIT

"$@" &
job=$!

(
  # Not those of the shell around it.
  trap - EXIT HUP
  trap 'kill $! 2> /dev/null; exit' TERM
  while :; do
    node=$(squeue --noheader --user="$(id -un)" --name="$SLURM_JOB_NAME" \
      --states=RUNNING --format=%N)
    if [ -n "$node" ]; then
      # It ends when the connection breaks; then there is another.
      ssh -N -o ExitOnForwardFailure=yes -o ServerAliveInterval=15 $forwards "$node" &
      wait $!
    fi
    sleep 2 &
    wait $!
  done
) &
tunnels=$!

wait $job
