#!/bin/sh
# Gives a command a system of its own: the installed one with an empty layer over it, so that nothing that runs
# in the lab changes what is installed or meets the files of another device. It is already in namespaces of its own
# (network, mounts, processes, host name), and all of this goes when it ends.
# Arguments: an empty folder, the installed system, the device's folder, its address, its name, the command.
set -e
space=$1 system=$2 folder=$3 address=$4 name=$5 command=$6
root=$space/root

hostname "$name"
mount -t tmpfs tmpfs "$space"
mkdir "$space/changes" "$space/work" "$root"
mount -t overlay overlay -o "lowerdir=$system,upperdir=$space/changes,workdir=$space/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount --rbind /dev "$root/dev"
cp -r "$folder" "$root/lab"
echo "127.0.0.1 localhost $name" >"$root/etc/hosts"
# There is nobody to ask: an answer at once is better than a time-out in each server.
echo "nameserver 127.0.0.1" >"$root/etc/resolv.conf"

# Not as the first process of the namespace, which we are: that one is handed the orphans of all others, and a server that
# reaps a child which it never had may end (vsftpd does, with a session).
env -i PATH=/opt/lab/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
  PYTHONUNBUFFERED=1 ADDRESS="$address" chroot "$root" sh -c "cd /lab; $command" &
wait $!
