import type { Capability } from './capability.ts'
import { currentTime } from './current-time.ts'
import { fakeAws } from './fake-aws.ts'
import { fakeCrm } from './fake-crm.ts'
import { fakeFinancial } from './fake-financial.ts'
import { fakeWarehouse } from './fake-warehouse.ts'
import { noop } from './noop.ts'
import { sampleData } from './sample-data.ts'
import { sessionFileSystem } from './session-file-system.ts'
import { sessionStorage } from './session-storage.ts'
import { statelessTodoList } from './stateless-todo-list.ts'
import { testMath } from './test-math.ts'
import { testWeather } from './test-weather.ts'
import { virtualBash } from './virtual-bash.ts'
import { webFetch } from './web-fetch.ts'

/** Every capability that comes with the server, by id. */
export const builtins: readonly Capability[] = [
  currentTime,
  fakeAws,
  fakeCrm,
  fakeFinancial,
  fakeWarehouse,
  noop,
  sampleData,
  sessionFileSystem,
  sessionStorage,
  statelessTodoList,
  testMath,
  testWeather,
  virtualBash,
  webFetch,
]
