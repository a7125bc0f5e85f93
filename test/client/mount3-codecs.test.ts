import * as mount3 from '../../src/protocols/mount3/mount3-types.ts'
import { codecLaws } from '../wire/codec-laws.ts'

codecLaws([mount3.MNT3args, mount3.MNT3res, mount3.DUMP3res, mount3.EXPORT3res], 25)
