#!/bin/sh
# Ceph's object gateway with SSE-KMS: a monitor, an OSD that keeps all in memory, and the gateway on the loopback, from
# Debian's packages; conformance/README.md says what is looked at. Packages are installed only as root, and only if asked:
#   conformance/live/ceph.sh --install
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
. "$here/../server.sh"
packages="ceph-mon ceph-osd radosgw"
if [ "${1:-}" = --install ]; then
    # shellcheck disable=SC2086
    apt-get update --quiet && apt-get install --yes --no-install-recommends $packages || skip "no $packages to install"
fi
for program in ceph ceph-authtool ceph-mon ceph-osd monmaptool rados radosgw radosgw-admin; do
    command -v $program > /dev/null || skip "$program is not installed (--install gets it from Debian's $packages)"
done
environment "$target/venv-ceph" "$here/ceph.txt" || skip "the Python packages of ceph.txt cannot be had"
serve ceph

daemons=
stop_more() {
    for one in $daemons; do
        kill "$one" 2> /dev/null || true
        wait "$one" 2> /dev/null || true
    done
}
# daemon NAME COMMAND...: runs it in the foreground of a job of this script.
daemon() {
    name=$1
    shift
    "$@" --foreground > "$work/$name.out" 2>&1 &
    daemons="$! $daemons"
}
broken() {
    echo "$1"
    tail -n 20 "$work"/*.out "$work"/*.log
    exit 1
}
# within SECONDS COMMAND...: until it succeeds.
within() {
    left=$1
    shift
    until "$@" > /dev/null 2>&1; do
        left=$((left - 1))
        [ $left -gt 0 ] || return 1
        sleep 1
    done
}

# shellcheck disable=SC2046
set -- $(free_ports 2)
mon=$1 gateway=$2
cat > "$work/ceph.conf" <<CONF
[global]
fsid = $(cat /proc/sys/kernel/random/uuid)
mon host = v2:127.0.0.1:$mon
ms bind msgr1 = false
public addr = 127.0.0.1
cluster addr = 127.0.0.1
keyring = $work/keyring
run dir = $work
admin socket = $work/\$name.asok
pid file = $work/\$name.pid
log file = $work/\$name.log
crash dir = $work
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd crush chooseleaf type = 0
mon allow pool size one = true
[mon.a]
mon data = $work/mon
[osd.0]
osd data = $work/osd
osd objectstore = memstore
memstore device bytes = 1073741824
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:$gateway
rgw crypt require ssl = false
rgw crypt s3 kms backend = kmip
rgw crypt kmip addr = $KEYHAVEN_SUBJECT
rgw crypt kmip ca path = $KEYHAVEN_PKI/ca.pem
rgw crypt kmip client cert = $KEYHAVEN_PKI/clients/ceph.pem
rgw crypt kmip client key = $KEYHAVEN_PKI/clients/ceph.key
rgw crypt kmip kms key template = live-\$keyid
CONF
export CEPH_CONF="$work/ceph.conf"
mkdir "$work/mon" "$work/osd"
{
    for name in mon. client.admin client.rgw osd.0; do
        ceph-authtool "$work/keyring" $([ -e "$work/keyring" ] || echo --create-keyring) --gen-key -n $name \
            --cap mon 'allow *' --cap osd 'allow *'
    done
    monmaptool --create --addv a "[v2:127.0.0.1:$mon]" --fsid "$(sed -n 's/^fsid = //p' "$CEPH_CONF")" "$work/monmap"
    ceph-mon --mkfs -i a --monmap "$work/monmap" --keyring "$work/keyring"
} > "$work/mkfs.out" 2>&1 || broken "no monitor could be made"
daemon mon ceph-mon -i a
within 30 timeout 10 ceph mon stat || broken "the monitor does not answer"
osd=$(cat /proc/sys/kernel/random/uuid)
{
    ceph osd new "$osd"
    ceph-osd -i 0 --mkfs --osd-uuid "$osd"
} > "$work/osd-mkfs.out" 2>&1 || broken "no OSD could be made"
daemon osd ceph-osd -i 0
within 60 sh -c "ceph osd stat | grep -q '1 up'" || broken "the OSD does not come up"
daemon rgw radosgw -n client.rgw
within 90 "$python" -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:$gateway/', timeout=5)" ||
    broken "the gateway does not answer"
radosgw-admin user create --uid live --display-name Live --access-key live --secret-key live-secret \
    > "$work/user.out" 2>&1 || broken "no user of the gateway could be made"
export GATEWAY="http://127.0.0.1:$gateway"
tests test_ceph.py || broken "the tests failed"

# The tests themselves never get a key: what the audit chain has are the gateway's reads.
if [ -n "$server" ]; then
    kill "$server" && wait "$server" || true
    server=
    "$keyhaven" audit export --data "$work/data" > "$work/audit.jsonl"
    for operation in Locate Get; do
        echo "$operation in the audit chain: $(grep -c "\"$operation\"" "$work/audit.jsonl")"
    done
fi
