/** For `node --import`: projects outside of the repository import its sources as `outlast`. */
import { resolvePackage } from '../../src/project/package-hook.ts'

resolvePackage()
