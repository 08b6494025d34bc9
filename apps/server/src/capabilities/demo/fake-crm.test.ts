import assert from 'node:assert/strict'
import { test } from 'node:test'
import { beforeAll } from '../../../test/hooks.ts'
import { startServer } from '../../../test/server.ts'
import { sessionWith, type ToolUse, useTools } from '../../../test/tool-session.ts'

let server: Awaited<ReturnType<typeof startServer>>
beforeAll(async (t) => {
  server = await startServer(t as never)
})

const ref = 'fake_crm'
const create = (name: string, more: object = {}): ToolUse => [
  'crm_create_customer',
  { name, email: `${name.toLowerCase()}@shop.example`, ...more },
]
const list = (input: object = {}): ToolUse => ['crm_list_customers', input]
const get = (customer_id: string): ToolUse => ['crm_get_customer', { customer_id }]
const idsOf = (rows: { id: string }[]) => rows.map(({ id }) => id)

test('creates, lists, reads and searches customers', async (t) => {
  const session = await sessionWith(server, ref)
  const search = (query: string): ToolUse => ['crm_search_customers', { query }]
  const answers = await useTools(
    t,
    server,
    session.id,
    list(),
    create('Bohdan', { company: 'Bees & Co', phone: '+380', tier: 'enterprise' }),
    create('Chen'),
    create('bohdan'),
    list({ tier: 'free' }),
    get('CUST-002'),
    get('CUST-009'),
    search('BEES'),
    search('shop.example'),
    search('nobody'),
  )
  const [seeded, bohdan, chen, twice, free, read, unknown, ...found] = answers
  assert.deepEqual([idsOf(seeded.customers), seeded.total_count], [['CUST-001'], 1])
  const { created_at, ...customer } = bohdan.customer
  assert.equal(bohdan.customer_id, 'CUST-002')
  assert.deepEqual(customer, {
    id: 'CUST-002',
    name: 'Bohdan',
    email: 'bohdan@shop.example',
    company: 'Bees & Co',
    phone: '+380',
    tier: 'enterprise',
    last_contact: null,
  })
  assert.deepEqual([chen.customer.tier, chen.customer.company], ['free', null])
  assert.equal(twice, 'Customer CUST-002 already has the email bohdan@shop.example')
  assert.deepEqual(idsOf(free.customers), ['CUST-003'])
  assert.deepEqual(read, { customer: bohdan.customer, interactions: [] })
  assert.equal(unknown, 'Customer CUST-009 not found')
  assert.deepEqual(
    found.map(({ results, count }) => [idsOf(results), count]),
    [
      [['CUST-002'], 1],
      [['CUST-002', 'CUST-003'], 2],
      [[], 0],
    ],
  )
})

test('stores an interaction with its customer as the last contact', async (t) => {
  const session = await sessionWith(server, ref)
  const add = (customer_id: string): ToolUse => [
    'crm_add_interaction',
    { customer_id, interaction_type: 'call', summary: 'Wants a kiln.', agent: 'Ada' },
  ]
  const [added, unknown, read] = await useTools(
    t,
    server,
    session.id,
    add('CUST-001'),
    add('CUST-002'),
    get('CUST-001'),
  )
  assert.deepEqual(added, { interaction_id: 'INT-00001', status: 'recorded' })
  assert.equal(unknown, 'Customer CUST-002 not found')
  const [{ created_at, ...interaction }] = read.interactions
  assert.deepEqual(interaction, {
    id: 'INT-00001',
    customer_id: 'CUST-001',
    interaction_type: 'call',
    summary: 'Wants a kiln.',
    agent: 'Ada',
  })
  assert.equal(read.customer.last_contact, created_at)
})

test('opens, changes and lists tickets', async (t) => {
  const session = await sessionWith(server, ref)
  const open = (customer_id: string, more: object = {}): ToolUse => [
    'crm_create_ticket',
    { customer_id, subject: 'Kiln', description: 'It is cold.', ...more },
  ]
  const update = (input: object): ToolUse => ['crm_update_ticket', input]
  const tickets = (input: object = {}): ToolUse => ['crm_list_tickets', input]
  const answers = await useTools(
    t,
    server,
    session.id,
    open('CUST-001'),
    open('CUST-001', { priority: 'urgent' }),
    open('CUST-007'),
    update({ ticket_id: 'TKT-00001', status: 'in_progress' }),
    update({ ticket_id: 'TKT-00001', assigned_to: 'Ada' }),
    update({ ticket_id: 'TKT-00001' }),
    update({ ticket_id: 'TKT-00003', status: 'closed' }),
    tickets(),
    tickets({ status: 'open' }),
    tickets({ status: 'open', priority: 'medium' }),
  )
  assert.deepEqual(answers.slice(0, 7), [
    { ticket_id: 'TKT-00001', status: 'open', priority: 'medium' },
    { ticket_id: 'TKT-00002', status: 'open', priority: 'urgent' },
    'Customer CUST-007 not found',
    { ticket_id: 'TKT-00001', status: 'in_progress', assigned_to: null },
    { ticket_id: 'TKT-00001', status: 'in_progress', assigned_to: 'Ada' },
    'Nothing to change: set status, assigned_to or both',
    'Ticket TKT-00003 not found',
  ])
  const [all, stillOpen, none] = answers.slice(7)
  assert.equal(all.total_count, 2)
  assert.ok(all.tickets[0].updated_at > all.tickets[0].created_at)
  assert.deepEqual(idsOf(stillOpen.tickets), ['TKT-00002'])
  assert.equal(none.total_count, 0)
})

test('config sets the tier of new customers, the initial data and read-only mode', async (t) => {
  const session = await sessionWith(server, ref, { default_tier: 'pro', seed: 'empty' })
  const [none, made] = await useTools(t, server, session.id, list(), create('Dara'))
  assert.equal(none.total_count, 0)
  assert.deepEqual([made.customer_id, made.customer.tier], ['CUST-001', 'pro'])
  const looking = await sessionWith(server, ref, { readonly: true })
  const changing = ['create_customer', 'create_ticket', 'update_ticket', 'add_interaction']
  const answers = await useTools(
    t,
    server,
    looking.id,
    ...changing.map((name): ToolUse => [`crm_${name}`, {}]),
  )
  assert.deepEqual(
    answers,
    changing.map((name) => `Tool definition not found: crm_${name}`),
  )
})
