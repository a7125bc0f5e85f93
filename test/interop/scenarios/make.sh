# make builds a library and a program here, and trusts the time stamps to say what is up to date.
must copy cp -r "$FIXTURES/project/." .
expected=$(cat expected.txt)

up_to_date() { make -q all; }
rebuilt() { make all | tee /tmp/rebuilt && same "$(grep -c -e ' -c ' /tmp/rebuilt)" "$1"; }

round=1
rounds=$(scaled 1)
while [ "$round" -le "$rounds" ]; do
  must "build-$round" make -j2 all
  check "answer-$round" same "$(./compute)" "$expected"
  check "up-to-date-$round" up_to_date
  sleep 0.02
  touch part07.c
  check "one-rebuilt-$round" rebuilt 1
  check "up-to-date-again-$round" up_to_date
  remount
  check "up-to-date-after-remount-$round" up_to_date
  check "answer-after-remount-$round" same "$(./compute)" "$expected"
  check "installed-$round" make install
  check "answer-installed-$round" same "$(./installed/bin/compute)" "$expected"
  [ "$round" -eq "$rounds" ] || check "clean-$round" make clean
  round=$((round + 1))
done
