import { askUser } from './ask-user.ts'
import { budgeting } from './budgeting.ts'
import type { Capability } from './capability.ts'
import { currentTime } from './current-time.ts'
import { fakeAws } from './demo/fake-aws.ts'
import { fakeCrm } from './demo/fake-crm.ts'
import { fakeFinancial } from './demo/fake-financial.ts'
import { fakeWarehouse } from './demo/fake-warehouse.ts'
import { noop } from './demo/noop.ts'
import { sampleData } from './demo/sample-data.ts'
import { testMath } from './demo/test-math.ts'
import { testWeather } from './demo/test-weather.ts'
import { sessionFileSystem } from './session-file-system.ts'
import { sessionStorage } from './session-storage.ts'
import { statelessTodoList } from './stateless-todo-list.ts'
import { virtualBash } from './virtual-bash.ts'
import { webFetch } from './web-fetch.ts'

/** The built-in capabilities, with demo capabilities last. */
export const builtins: readonly Capability[] = [
  askUser,
  budgeting,
  currentTime,
  sessionFileSystem,
  sessionStorage,
  statelessTodoList,
  virtualBash,
  webFetch,
  fakeAws,
  fakeCrm,
  fakeFinancial,
  fakeWarehouse,
  noop,
  sampleData,
  testMath,
  testWeather,
]
