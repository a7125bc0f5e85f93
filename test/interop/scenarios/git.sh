# git works here: clone over its own protocol, change, repack, check out the past, check every object.
export GIT_AUTHOR_NAME=guest GIT_AUTHOR_EMAIL=guest@example.org
export GIT_COMMITTER_NAME=guest GIT_COMMITTER_EMAIL=guest@example.org

clean() { same "$(git status --porcelain)" ''; }

must clone git clone -q --no-local "$FIXTURES/history.git" clone
cd clone || exit 1
check head same "$(git rev-parse HEAD)" "$(git -C "$FIXTURES/history.git" rev-parse HEAD)"
check fsck-after-clone git fsck --full --strict
check clean-after-clone clean

round=1
rounds=$(scaled 3)
while [ "$round" -le "$rounds" ]; do
  for file in $(git ls-files | head -n 40); do echo "round $round" >>"$file"; done
  git mv "$(git ls-files | tail -n 1)" "moved-$round.txt"
  check "add-$round" git add -A
  check "commit-$round" git commit -q -m "round $round"
  check "past-$round" git checkout -q "HEAD~$((round * 50))"
  check "present-$round" git checkout -q -
  check "clean-$round" clean
  round=$((round + 1))
done

check branch git checkout -q -b side HEAD~5
echo side >side.txt
check side-add git add side.txt
check side-commit git commit -q -m side
check merge git merge -q --no-edit '@{-1}'
check gc git gc -q --prune=now
check fsck-after-gc git fsck --full --strict

head=$(git rev-parse HEAD)
remount
cd clone || exit 1
check head-after-remount same "$(git rev-parse HEAD)" "$head"
check clean-after-remount clean
check fsck-after-remount git fsck --full --strict
check files-after-remount git diff --exit-code HEAD
