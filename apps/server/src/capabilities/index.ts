import type { Capability } from './capability.ts'
import { currentTime } from './current-time.ts'
import { noop } from './noop.ts'
import { sessionFileSystem } from './session-file-system.ts'
import { testMath } from './test-math.ts'
import { testWeather } from './test-weather.ts'

/** Every capability that comes with the server, by id. */
export const builtins: readonly Capability[] = [
  currentTime,
  noop,
  sessionFileSystem,
  testMath,
  testWeather,
]
