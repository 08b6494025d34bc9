import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as search from './search.ts'

const known = (read: object) => JSON.parse(JSON.stringify(read))

for (const [name, read, given, expected] of [
  ['a filter', search.readSessionsSearch, { search: 'rome', status: 'idle' }, undefined],
  ['an empty text', search.readSessionsSearch, { search: '', tag: '' }, {}],
  ['an amount', search.readSessionsSearch, { cost: 2 }, undefined],
  ['an amount with a zero at its end', search.readSessionsSearch, { cost: '0.50' }, { cost: 0.5 }],
  ['an amount with an exponent', search.readSessionsSearch, { cost: '1e3' }, { cost: 1_000 }],
  ['an amount that is no number', search.readSessionsSearch, { cost: 'a' }, {}],
  ['an amount of nothing', search.readSessionsSearch, { cost: '' }, {}],
  ['an amount below 0', search.readSessionsSearch, { cost: '-1' }, {}],
  ['an endless amount', search.readSessionsSearch, { cost: 'Infinity' }, {}],
  ['a status that does not exist', search.readSessionsSearch, { status: 'asleep' }, {}],
  ['a flag', search.readSessionsSearch, { new: true }, undefined],
  ['a flag that is a text', search.readSessionsSearch, { new: 'true' }, {}],
  ['a panel', search.readSessionSearch, { panel: 'usage', turn: 'turn_1' }, undefined],
  ['an unknown panel', search.readSessionSearch, { panel: 'secrets' }, {}],
  [
    'a text of digits',
    search.readSessionsSearch,
    { user: 42, search: true },
    { user: '42', search: 'true' },
  ],
  ['the import of an agent', search.readAgentsSearch, { importing: true }, undefined],
  ['a side', search.readAgentSearch, { side: 'preview', add: 'test_math' }, undefined],
  ['an unknown side', search.readAgentSearch, { side: 'back' }, {}],
  ['a category', search.readCapabilitiesSearch, { category: 'Time', open: 'a' }, undefined],
  ['filters of models', search.readProvidersSearch, { takes: 'image', all: true }, undefined],
  ['an unknown medium', search.readProvidersSearch, { takes: 'smell', favorites: 1 }, {}],
  ['a new server', search.readMcpServersSearch, { new: true }, undefined],
  ['a status of runs', search.readScheduleSearch, { tab: 'edit', status: 'skipped' }, undefined],
  ['a span', search.readOperationsSearch, { minutes: 360, tab: 'nodes' }, undefined],
  ['an unknown span', search.readOperationsSearch, { minutes: 61, status: 'done' }, {}],
  ['the audit log', search.readSettingsSearch, { tab: 'audit', since: 'day' }, undefined],
  ['a tab that does not exist', search.readSettingsSearch, { tab: 'root' }, {}],
] as const) {
  test(`reads the URL of ${name}`, () => {
    assert.deepEqual(known(read(given)), expected ?? given)
  })
}
