#!/bin/bash
# Grid Engine with one node, as root, without systemd; everything private below BASE.
# It refuses a host that has the address 127.0.0.1: it gets a network namespace.
#
# usage: gridengine_up.sh BASE NODE NET       NET: three bytes of addresses, 10.99.0
# then: BASE/bin/on-sge COMMAND ...           runs a command there
# undone by: gridengine_down.sh BASE NODE
set -eu
BASE=$1 NODE=$2 NET=$3
LIB=/usr/lib/gridengine SHARE=/usr/share/gridengine
mkdir -p "$BASE"/root/default/common "$BASE"/spool/{qmaster/job_scripts,execd,db} "$BASE"/bin
chmod -R go+rX "$BASE"

ip netns add "$NODE"
ip -n "$NODE" link set lo up
ip link add "v-$NODE" type veth peer name eth0 netns "$NODE"
ip addr add "$NET.254/24" dev "v-$NODE"
ip link set "v-$NODE" up
ip -n "$NODE" addr add "$NET.1/24" dev eth0
ip -n "$NODE" link set eth0 up
# qrsh runs commands by the user's shell, and the ordinary user of the tests has none.
sed 's#^\(nobody:.*\):[^:]*$#\1:/bin/sh#' /etc/passwd > "$BASE/passwd"
printf '127.0.0.1 localhost\n%s.1 %s\n' "$NET" "$NODE" > "$BASE/hosts"

cat > "$BASE/bin/on-sge" <<END
#!/bin/sh
export SGE_ROOT=$BASE/root SGE_CELL=default
export SGE_QMASTER_PORT=26444 SGE_EXECD_PORT=26445
exec nsenter --net=/run/netns/$NODE unshare --uts --mount sh -c \\
  'mount --bind $BASE/hosts /etc/hosts; mount --bind $BASE/passwd /etc/passwd
  hostname $NODE; exec "\$@"' sh "\$@"
END
chmod 755 "$BASE/bin/on-sge"
on_sge=$BASE/bin/on-sge

for folder in util bin utilbin lib; do
  ln -s "/var/lib/gridengine/$folder" "$BASE/root/$folder"
done
echo "$NODE" > "$BASE/root/default/common/act_qmaster"
cat > "$BASE/root/default/common/bootstrap" <<END
admin_user root
default_domain none
ignore_fqdn true
spooling_method berkeleydb
spooling_lib libspoolb
spooling_params $BASE/spool/db
binary_path /usr/sbin
qmaster_spool_dir $BASE/spool/qmaster
security_mode none
listener_threads 2
worker_threads 2
scheduler_threads 1
END
sed -e "s#^execd_spool_dir.*#execd_spool_dir $BASE/spool/execd#" \
  -e 's#^min_uid.*#min_uid 0#' -e 's#^min_gid.*#min_gid 0#' \
  $SHARE/default-configuration > "$BASE/configuration"
"$on_sge" $LIB/spoolinit berkeleydb libspoolb "$BASE/spool/db" init
"$on_sge" $LIB/spooldefaults configuration "$BASE/configuration"
"$on_sge" $LIB/spooldefaults complexes $SHARE/util/resources/centry
"$on_sge" $LIB/spooldefaults usersets $SHARE/util/resources/usersets
"$on_sge" $LIB/spooldefaults managers root
"$on_sge" sge_qmaster
for _ in 1 2 3 4 5 6 7 8 9 10; do
  "$on_sge" qconf -sh > /dev/null 2>&1 && break
  sleep 0.5
done
"$on_sge" qconf -ah "$NODE"
"$on_sge" qconf -as "$NODE"
"$on_sge" sge_execd
printf 'group_name @allhosts\nhostlist %s\n' "$NODE" > "$BASE/group"
"$on_sge" qconf -Ahgrp "$BASE/group"
"$on_sge" qconf -sq > "$BASE/queue"
sed -i -e 's#^qname .*#qname all.q#' -e 's#^hostlist .*#hostlist @allhosts#' \
  -e 's#^slots .*#slots 4#' -e 's#^shell .*#shell /bin/sh#' \
  -e 's#^notify .*#notify 00:00:03#' -e 's#^pe_list .*#pe_list NONE#' \
  -e 's#^ckpt_list .*#ckpt_list NONE#' \
  -e 's#^load_thresholds .*#load_thresholds NONE#' "$BASE/queue"
"$on_sge" qconf -Aq "$BASE/queue"
# Otherwise each start takes 15 s.
"$on_sge" qconf -ssconf | sed -e 's#^schedule_interval .*#schedule_interval 0:0:2#' \
  -e 's#^flush_submit_sec .*#flush_submit_sec 1#' \
  -e 's#^flush_finish_sec .*#flush_finish_sec 1#' > "$BASE/scheduler"
"$on_sge" qconf -Msconf "$BASE/scheduler"
