#!/bin/bash
# A second machine on this one: a network and UTS namespace with a loopback, a host
# name and an sshd of its own. Its file system is this one's, as with a shared home.
#
# usage: node_up.sh BASE NAME NET     for instance: node_up.sh "$(mktemp -d)" node1 10.77.0
#   NET.1 is this machine's address on the wire between the two, NET.2 the node's.
#   BASE/bin/ssh      ssh with a private configuration: BASE/bin/ssh NAME hostname
#   BASE/bin/on-node  runs a command on the node
# undone by: node_down.sh BASE NAME
set -eu
BASE=$1 NAME=$2 NET=$3
mkdir -p "$BASE/bin" "$BASE/home" /run/sshd
chmod 700 "$BASE"

ip netns add "$NAME"
ip link add "v-$NAME" type veth peer name eth0 netns "$NAME"
ip addr add "$NET.1/24" dev "v-$NAME"
ip link set "v-$NAME" up
ip -n "$NAME" addr add "$NET.2/24" dev eth0
ip -n "$NAME" link set eth0 up
ip -n "$NAME" link set lo up

ssh-keygen -q -t ed25519 -N '' -f "$BASE/hostkey"
ssh-keygen -q -t ed25519 -N '' -f "$BASE/id"
cp "$BASE/id.pub" "$BASE/authorized_keys"
cat > "$BASE/sshd_config" <<END
Port 22
ListenAddress $NET.2
HostKey $BASE/hostkey
PidFile $BASE/sshd.pid
AuthorizedKeysFile $BASE/authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PrintMotd no
PrintLastLog no
AcceptEnv *
# A home of its own: a shell that sshd starts reads ~/.bashrc, and what stands
# there (pyenv's, for one) may wait for a minute for a lock of a killed session.
SetEnv HOME=$BASE/home
END
cat > "$BASE/ssh_config" <<END
Host *
  IdentityFile $BASE/id
  IdentitiesOnly yes
  BatchMode yes
  UserKnownHostsFile $BASE/known_hosts
  StrictHostKeyChecking no
  LogLevel ERROR
  SendEnv PYTHONPATH TMPDIR IPYTHONDIR IPR_TEST_MARK
Host $NAME
  HostName $NET.2
END
printf '#!/bin/sh\nexec /usr/bin/ssh -F %s "$@"\n' "$BASE/ssh_config" > "$BASE/bin/ssh"

# Not "ip netns exec": that mounts another /sys, and slurmd then stops with
# "No filesystem mounted on /sys/fs/cgroup".
cat > "$BASE/bin/on-node" <<END
#!/bin/sh
exec nsenter --net=/run/netns/$NAME unshare -u sh -c 'hostname $NAME; exec "\$@"' sh "\$@"
END
chmod +x "$BASE/bin/ssh" "$BASE/bin/on-node"

"$BASE/bin/on-node" /usr/sbin/sshd -f "$BASE/sshd_config" -E "$BASE/sshd.log"
for _ in $(seq 50); do
  "$BASE/bin/ssh" "$NAME" true 2> /dev/null && exit 0
  sleep 0.1
done
echo "no ssh connection to $NAME within 5 s:" >&2
cat "$BASE/sshd.log" >&2
exit 1
