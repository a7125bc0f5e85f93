'use strict'
// Where launch.cjs goes on in the Node that it has found: again.cjs PROGRAM ARGUMENTS…
const [program] = process.argv.splice(2, 1)
require('./launch.cjs').launch(program)
