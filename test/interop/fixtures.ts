/** What scenarios find prepared by the host: a git history and a C project, always the same. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const files = 300
const commits = 400
const parts = 20

/** Writes `history.git` and `project/` into a directory. */
export function writeFixtures(directory: string): void {
  const repository = join(directory, 'history.git')
  execFileSync('git', ['init', '-q', '--bare', '-b', 'main', repository])
  execFileSync('git', ['-C', repository, 'fast-import', '--quiet'], { input: history() })
  const project = join(directory, 'project')
  mkdirSync(project)
  for (const [name, text] of Object.entries(cProject())) writeFileSync(join(project, name), text)
}

/** A fast-import stream: every file in the first commit, a few changed by each of the others. */
function history(): string {
  let stream = ''
  for (let commit = 0; commit < commits; commit++) {
    const message = `Change ${commit}`
    stream += 'commit refs/heads/main\n'
    stream += `committer host <host@example.org> ${1e9 + commit * 60} +0000\n`
    stream += `data ${message.length}\n${message}\n`
    const changed = commit === 0 ? files : 5
    for (let i = 0; i < changed; i++) {
      const file = (commit * 7 + i * 61) % files
      const text = document(file, commit)
      stream += `M 100644 inline ${pathOf(file)}\ndata ${text.length}\n${text}\n`
    }
  }
  return `${stream}done\n`
}

function pathOf(file: number): string {
  return `chapter-${file % 12}/section-${file % 5}/page-${file}.txt`
}

function document(file: number, version: number): string {
  const lines = Array.from({ length: 5 + ((file * 37) % 200) }, (_, line) => {
    const edition = line % 9 === version % 9 ? version : 0
    return `page ${file}, line ${line}, edition ${edition}: ${(file * line * 7919) % 104729}`
  })
  return `${lines.join('\n')}\n`
}

function partName(part: number): string {
  return `part${String(part).padStart(2, '0')}`
}

function cProject(): Record<string, string> {
  const names = Array.from({ length: parts }, (_, part) => partName(part))
  const sources = names.map((name, part) => [`${name}.c`, partSource(name, part)])
  return {
    ...Object.fromEntries(sources),
    'parts.h': `${names.map((name) => `int ${name}(int x);`).join('\n')}\n`,
    'main.c': mainSource(names),
    'expected.txt': `${answer()}\n`,
    Makefile: makefile(names),
  }
}

function partSource(name: string, part: number): string {
  return `#include <stdlib.h>
#include "parts.h"

int ${name}(int x) {
  int *squares = malloc(64 * sizeof *squares);
  for (int i = 0; i < 64; i++) squares[i] = i * i + ${part};
  int y = (x * ${part + 3} + squares[(x + ${part}) % 64]) % 10007;
  free(squares);
  return y;
}
`
}

function mainSource(names: readonly string[]): string {
  return `#include <stdio.h>
#include "parts.h"

int main(void) {
  int x = 1;
  for (int round = 0; round < 100; round++) {
${names.map((name) => `    x = ${name}(x);`).join('\n')}
  }
  printf("%d\\n", x);
  return 0;
}
`
}

/** What the program prints. */
function answer(): number {
  let x = 1
  for (let round = 0; round < 100; round++) {
    for (let part = 0; part < parts; part++) {
      const index = (x + part) % 64
      x = (x * (part + 3) + index * index + part) % 10007
    }
  }
  return x
}

function makefile(names: readonly string[]): string {
  return `CFLAGS = -O1 -g
OBJECTS = ${names.map((name) => `${name}.o`).join(' ')}

all: compute

compute: main.o libparts.a
\t$(CC) $(CFLAGS) -o $@ main.o -L. -lparts

libparts.a: $(OBJECTS)
\trm -f $@
\t$(AR) rcs $@ $(OBJECTS)

%.o: %.c parts.h
\t$(CC) $(CFLAGS) -c -o $@ $<

install: all
\tmkdir -p installed/bin installed/lib
\tinstall -m 755 compute installed/bin/compute
\tinstall -m 644 libparts.a installed/lib/libparts.a

clean:
\trm -rf *.o libparts.a compute installed

.PHONY: all install clean
`
}
