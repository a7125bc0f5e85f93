# A tree with every kind of entry goes through tar onto the server and back.
must tree python3 "$HERE/tree.py" make /tmp/tree "$(scaled 400)"
must manifest python3 "$HERE/tree.py" list /tmp/tree /tmp/expected

packed() { tar --create --format=posix --file "$1" --directory "$2" .; }
unpacked() { mkdir -p "$2" && tar --extract --preserve-permissions --file "$1" --directory "$2"; }
listed() { python3 "$HERE/tree.py" list "$1" /tmp/actual && diff /tmp/expected /tmp/actual; }

must pack packed /tmp/tree.tar /tmp/tree
must unpack unpacked /tmp/tree.tar unpacked
check listed listed unpacked
check link-times diff /tmp/expected.links /tmp/actual.links
check pack-here packed here.tar unpacked
remount
check listed-after-remount listed unpacked
check unpack-from-here unpacked here.tar again
drop_caches
check listed-again listed again
check tar-agrees tar --compare --file /tmp/tree.tar --directory again
rm -rf /tmp/back
check pack-back packed /tmp/back.tar again
check unpack-back unpacked /tmp/back.tar /tmp/back
check listed-back listed /tmp/back
check remove rm -rf again
check removed test ! -e again
