#!/bin/bash
# Slurm with one node, without systemd; everything private below BASE. As root, it runs
# everybody's jobs; as an ordinary user, that user's own.
#
# usage: slurm_up.sh BASE                        the node is this machine
#        slurm_up.sh BASE NODE_BASE NODE NET     the node is one made by node_up.sh
# environment: CPUS=1, CTLD_PORT=16817, SLURMD_PORT=16818, PROCTRACK=linuxproc; with
#   cgroup only a job's tasks get its signals, as on most clusters (needs cgroup v1);
#   MEMORY=none; with cgroup the system enforces --mem (needs cgroup v1)
# then: export SLURM_CONF=BASE/slurm.conf; srun hostname
# undone by: slurm_down.sh BASE
set -eu
BASE=$1 HOST=$(hostname -s)
# An ordinary user has the daemons not on PATH.
PATH=$PATH:/usr/sbin:/sbin
if [ $# -gt 1 ]; then
  ON_NODE=$2/bin/on-node NODE=$3 ADDRESS=$4.2 CONTROLLER=$4.1
else
  ON_NODE='' NODE=$HOST ADDRESS=127.0.0.1 CONTROLLER=127.0.0.1
fi
WHO=$(id -un) CPUS=${CPUS:-1} MEMORY=${MEMORY:-none}
# Without it Slurm does not hand on what a job has asked for.
MEMORY_COUNTS=
[ "$MEMORY" = none ] || MEMORY_COUNTS=_Memory
mkdir -p "$BASE"/{state,spool,log,munge}
chmod 711 "$BASE"
# The socket is for everybody; the key has mode 600.
chmod 711 "$BASE/munge"

dd if=/dev/urandom of="$BASE/munge/key" bs=128 count=1 status=none
chmod 600 "$BASE/munge/key"
munged --force --key-file="$BASE/munge/key" --socket="$BASE/munge/sock" \
  --pid-file="$BASE/munge/pid" --log-file="$BASE/munge/log" \
  --seed-file="$BASE/munge/seed" --num-threads=2

# config_overrides lets the node have as many CPUs as this file says.
cat > "$BASE/slurm.conf" <<END
ClusterName=ipr
SlurmctldHost=$HOST($CONTROLLER)
SlurmctldPort=${CTLD_PORT:-16817}
SlurmdPort=${SLURMD_PORT:-16818}
SlurmUser=$WHO
SlurmdUser=$WHO
AuthType=auth/munge
AuthInfo=socket=$BASE/munge/sock
CredType=cred/munge
StateSaveLocation=$BASE/state
SlurmdSpoolDir=$BASE/spool
SlurmctldPidFile=$BASE/slurmctld.pid
SlurmdPidFile=$BASE/slurmd.pid
SlurmctldLogFile=$BASE/log/slurmctld.log
SlurmdLogFile=$BASE/log/slurmd.log
ProctrackType=proctrack/${PROCTRACK:-linuxproc}
PreemptType=preempt/partition_prio
PreemptMode=CANCEL
TaskPlugin=task/$MEMORY
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core$MEMORY_COUNTS
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0
MinJobAge=3600
KillWait=5
SlurmdParameters=config_overrides
NodeName=$NODE NodeAddr=$ADDRESS CPUs=$CPUS Boards=1 SocketsPerBoard=1 CoresPerSocket=$CPUS ThreadsPerCore=1 RealMemory=1000 State=UNKNOWN
PartitionName=debug Nodes=$NODE Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
PartitionName=urgent Nodes=$NODE PriorityTier=10 MaxTime=INFINITE State=UP
END
cat > "$BASE/cgroup.conf" <<END
CgroupPlugin=cgroup/v1
CgroupMountpoint=/sys/fs/cgroup
CgroupAutomount=no
END
if [ "$MEMORY" = cgroup ]; then
  echo ConstrainRAMSpace=yes >> "$BASE/cgroup.conf"
fi
export SLURM_CONF=$BASE/slurm.conf
slurmctld -c
$ON_NODE slurmd -c -N "$NODE"
for _ in $(seq 100); do
  state=$(sinfo -h -o %T 2> /dev/null || true)
  [ "$state" = idle ] && exit 0
  sleep 0.1
done
echo "the node is '$state' and not idle after 10 s:" >&2
tail -n 20 "$BASE"/log/*.log >&2
exit 1
