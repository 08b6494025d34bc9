import assert from 'node:assert/strict'
import { test } from 'node:test'
import { beforeAll } from '../../../test/hooks.ts'
import { startServer } from '../../../test/server.ts'
import { sessionWith, type ToolUse, useTools, useToolsAtOnce } from '../../../test/tool-session.ts'

let server: Awaited<ReturnType<typeof startServer>>
beforeAll(async (t) => {
  server = await startServer(t as never)
})

const ref = 'fake_warehouse'
const inventory: ToolUse = ['warehouse_get_inventory', {}]
const ship = (...items: [sku: string, quantity: number][]): ToolUse => [
  'warehouse_create_shipment',
  { destination: 'Lviv', items: items.map(([sku, quantity]) => ({ sku, quantity })) },
]
// biome-ignore lint/suspicious/noExplicitAny: a result as the model gets it
const quantities = ({ inventory }: any) =>
  Object.fromEntries(
    inventory.map(({ sku, quantity }: { sku: string; quantity: number }) => [sku, quantity]),
  )

test('lists, changes and reports the stock', async (t) => {
  const session = await sessionWith(server, ref)
  const change = (input: object): ToolUse => ['warehouse_update_inventory', input]
  const [all, one, low, changed, emptied, unknown, tooMany, report] = await useTools(
    t,
    server,
    session.id,
    inventory,
    ['warehouse_get_inventory', { sku: 'WH-003' }],
    ['warehouse_get_inventory', { low_stock_only: true }],
    change({ sku: 'WH-001', quantity_change: -110, reason: 'Flood' }),
    change({ sku: 'WH-002', quantity_change: -30 }),
    change({ sku: 'WH-009', quantity_change: 1 }),
    change({ sku: 'WH-001', quantity_change: -41 }),
    ['warehouse_inventory_report', {}],
  )
  assert.deepEqual(quantities(all), { 'WH-001': 150, 'WH-002': 30, 'WH-003': 200 })
  assert.deepEqual([all.total_items, all.low_stock_count], [3, 1])
  assert.deepEqual(one.inventory[0], {
    sku: 'WH-003',
    name: 'Seed tray',
    quantity: 200,
    location: 'C3',
    reorder_point: 75,
    unit_price: 6.25,
  })
  assert.deepEqual(Object.keys(quantities(low)), ['WH-002'])
  assert.deepEqual(changed, {
    sku: 'WH-001',
    old_quantity: 150,
    new_quantity: 40,
    change: -110,
    reason: 'Flood',
    below_reorder_point: true,
  })
  assert.equal(emptied.new_quantity, 0)
  assert.equal(unknown, 'SKU WH-009 not found')
  assert.equal(tooMany, 'Insufficient stock of WH-001: 40 available, 41 requested')
  const { generated_at, low_stock_items, ...numbers } = report.report
  assert.deepEqual(numbers, { total_items: 3, total_quantity: 240, low_stock_count: 2 })
  assert.equal(low_stock_items.length, 2)
  assert.ok(Math.abs(Date.parse(generated_at) - Date.now()) < 60_000)
})

test('a shipment takes all of its items from the stock or none', async (t) => {
  const session = await sessionWith(server, ref)
  const list = (status?: string): ToolUse => ['warehouse_list_shipments', status ? { status } : {}]
  const move = (shipment_id: string): ToolUse => [
    'warehouse_update_shipment_status',
    { shipment_id, status: 'in_transit' },
  ]
  const [first, refused, second, left] = await useTools(
    t,
    server,
    session.id,
    ship(['WH-001', 50], ['WH-003', 1]),
    ship(['WH-001', 10], ['WH-002', 31]),
    ship(['WH-001', 100]),
    inventory,
  )
  assert.deepEqual(first, {
    shipment_id: 'SHP-00001',
    status: 'pending',
    destination: 'Lviv',
    items: [
      { sku: 'WH-001', quantity: 50 },
      { sku: 'WH-003', quantity: 1 },
    ],
    message: 'SHP-00001 goes to Lviv.',
  })
  assert.equal(refused, 'Insufficient stock of WH-002: 30 available, 31 requested')
  assert.equal(second.shipment_id, 'SHP-00002')
  assert.deepEqual(quantities(left), { 'WH-001': 0, 'WH-002': 30, 'WH-003': 199 })
  const [moved, unknown, pending, all] = await useTools(
    t,
    server,
    session.id,
    move('SHP-00001'),
    move('SHP-00003'),
    list('pending'),
    list(),
  )
  assert.deepEqual([moved.old_status, moved.new_status], ['pending', 'in_transit'])
  assert.equal(unknown, 'Shipment SHP-00003 not found')
  assert.deepEqual(
    pending.shipments.map(({ shipment_id }: { shipment_id: string }) => shipment_id),
    ['SHP-00002'],
  )
  assert.equal(all.total_count, 2)
  const [{ created_at, updated_at }] = all.shipments
  assert.equal(updated_at, moved.updated_at)
  assert.ok(updated_at > created_at)
})

test('an order has one invoice, with prices, and accepts returns of ordered items', async (t) => {
  const session = await sessionWith(server, ref)
  const items = [
    { sku: 'WH-001', quantity: 3 },
    { sku: 'WH-003', quantity: 2 },
  ]
  const giveBack = (quantity: number, sku = 'WH-001'): ToolUse => [
    'warehouse_process_return',
    { order_id: 'ORD-00001', sku, quantity, reason: 'Too long' },
  ]
  const answers = await useTools(
    t,
    server,
    session.id,
    ['warehouse_create_order', { customer_name: 'Oksana', items }],
    ['warehouse_create_order', { customer_name: 'Oksana', items: [{ sku: 'X', quantity: 1 }] }],
    ['warehouse_create_invoice', { order_id: 'ORD-00001' }],
    ['warehouse_create_invoice', { order_id: 'ORD-00001' }],
    ['warehouse_create_invoice', { order_id: 'ORD-00002' }],
    giveBack(2),
    giveBack(2),
    giveBack(1, 'WH-002'),
    ['warehouse_list_orders', {}],
    inventory,
  )
  const [order, unknownSku, invoice, twice, unknown, returned, ...rest] = answers
  const [tooMany, neverOrdered, listed, stock] = rest
  assert.deepEqual(order, { order_id: 'ORD-00001', status: 'pending', items })
  assert.equal(unknownSku, 'SKU X not found')
  assert.deepEqual(invoice, {
    invoice_id: 'INV-00001',
    order_id: 'ORD-00001',
    amount: 86,
    currency: 'USD',
    status: 'generated',
  })
  assert.equal(twice, 'Order ORD-00001 has invoice INV-00001 already')
  assert.equal(unknown, 'Order ORD-00002 not found')
  assert.deepEqual(returned, {
    return_id: 'RET-00001',
    sku: 'WH-001',
    quantity: 2,
    status: 'processed',
    inventory_updated: true,
  })
  assert.equal(tooMany, 'At most 1 of WH-001 in order ORD-00001 can still be returned')
  assert.equal(neverOrdered, 'At most 0 of WH-002 in order ORD-00001 can still be returned')
  assert.equal(listed.total_count, 1)
  assert.equal(listed.orders[0].customer_name, 'Oksana')
  assert.equal(listed.orders[0].invoice.amount, 86)
  assert.equal(listed.orders[0].returns[0].reason, 'Too long')
  assert.equal(quantities(stock)['WH-001'], 152)
})

test('parallel calls of one reply lose no change, including the first access', async (t) => {
  const session = await sessionWith(server, ref)
  const many = Array.from({ length: 20 }, () => ship(['WH-003', 9]))
  const answers = await useToolsAtOnce(t, server, session.id, ...many, ...many.slice(0, 5))
  const ids = answers.filter(({ shipment_id }) => shipment_id).map(({ shipment_id }) => shipment_id)
  assert.equal(ids.length, 22)
  assert.equal(new Set(ids).size, 22)
  const [left, { total_count }] = await useTools(t, server, session.id, inventory, [
    'warehouse_list_shipments',
    {},
  ])
  assert.deepEqual([quantities(left)['WH-003'], total_count], [2, 22])
})

const fileOf = (sessionId: string, path: string) => `/v1/sessions/${sessionId}/fs${path}`

test('tools use the edited document of a user, or name its error', async (t) => {
  const session = await sessionWith(server, ref)
  const [before] = await useTools(t, server, session.id, inventory)
  const file = fileOf(session.id, '/warehouse/warehouse.json')
  const put = async (content: string) =>
    assert.equal((await server.call('PUT', file, { content })).status, 200)
  const { content } = (await server.call('GET', file)).body
  await put(content.replace('"quantity": 150', '"quantity": 7, "note": "ours"'))
  const [after, changed] = await useTools(t, server, session.id, inventory, [
    'warehouse_update_inventory',
    { sku: 'WH-001', quantity_change: 1 },
  ])
  assert.deepEqual([quantities(before)['WH-001'], quantities(after)['WH-001']], [150, 7])
  assert.equal(changed.new_quantity, 8)
  assert.match((await server.call('GET', file)).body.content, /"note": "ours"/)
  const broken: [string, RegExp][] = [
    ['{', /^\/warehouse\/warehouse\.json is not valid JSON\. Correct it or delete it\.$/],
    ['', /is not valid JSON/],
    ['[]', /has invalid content: the document must be an object/],
    ['{"inventory": []}', /has invalid content: the document needs shipments, orders/],
    [content.replace('150', '"many"'), /inventory\/0\/quantity must be an integer/],
  ]
  for (const [text, said] of broken) {
    await put(text)
    const answers = await useTools(t, server, session.id, inventory, ship(['WH-001', 1]))
    for (const answer of answers) assert.match(answer, said)
    assert.equal((await server.call('GET', file)).body.content, text)
  }
  await server.call('DELETE', file)
  const [anew] = await useTools(t, server, session.id, inventory)
  assert.deepEqual(anew, before)
})

test('config sets the path, the initial data and read-only mode', async (t) => {
  const bolt = {
    sku: 'B',
    name: 'Bolt',
    quantity: 5,
    location: 'Z9',
    reorder_point: 1,
    unit_price: 0.1,
  }
  const config = { path: '/demo/stock', currency: 'EUR', data: { inventory: [bolt] } }
  const own = await sessionWith(server, ref, config)
  const [stock, , invoice] = await useTools(
    t,
    server,
    own.id,
    inventory,
    ['warehouse_create_order', { customer_name: 'A', items: [{ sku: 'B', quantity: 3 }] }],
    ['warehouse_create_invoice', { order_id: 'ORD-00001' }],
  )
  assert.deepEqual(stock.inventory, [bolt])
  assert.deepEqual([invoice.amount, invoice.currency], [0.3, 'EUR'])
  const moved = await server.call('GET', fileOf(own.id, '/demo/stock/warehouse.json'))
  assert.equal(moved.status, 200)

  const empty = await sessionWith(server, ref, { seed: 'empty', readonly: true })
  const answers = await useTools(t, server, empty.id, inventory, ship(['WH-001', 1]), [
    'warehouse_list_orders',
    {},
  ])
  assert.deepEqual(answers, [
    { inventory: [], total_items: 0, low_stock_count: 0 },
    'Tool definition not found: warehouse_create_shipment',
    { orders: [], total_count: 0 },
  ])
})

test('limits lists and the document; a refused change has no effect', async (t) => {
  const session = await sessionWith(server, ref)
  const [before] = await useTools(t, server, session.id, inventory)
  const file = fileOf(session.id, '/warehouse/warehouse.json')
  const document = JSON.parse((await server.call('GET', file)).body.content)
  const now = new Date().toISOString()
  const order = (order_id: string, items: object[]) => ({
    order_id,
    customer_name: 'Ada',
    status: 'pending',
    items,
    created_at: now,
  })
  const put = async (change: object) => {
    const content = JSON.stringify({ ...document, ...change })
    assert.equal((await server.call('PUT', file, { content })).status, 200)
  }
  const shipment = { shipment_id: 'SHP-x', status: 'pending', destination: 'Lviv' }
  const items = [{ sku: 'WH-001', quantity: 1 }]
  const times = { created_at: now, updated_at: now }
  await put({ shipments: Array.from({ length: 1_000 }, () => ({ ...shipment, items, ...times })) })
  const [full, same] = await useTools(t, server, session.id, ship(['WH-001', 1]), inventory)
  assert.equal(full, 'The limit of 1000 shipments is reached.')
  assert.deepEqual(same, before)

  const many = Array.from({ length: 100 }, () => ({ sku: 'x'.repeat(500), quantity: 1 }))
  await put({ orders: Array.from({ length: 19 }, () => order('ORD-1', many)) })
  const name = 'x'.repeat(400)
  const create: ToolUse = [
    'warehouse_create_order',
    { customer_name: name, items: Array.from({ length: 100 }, () => items[0]) },
  ]
  const [grown] = await useTools(t, server, session.id, create)
  assert.equal(grown, '/warehouse/warehouse.json would exceed the limit of 1048576 bytes')
  await put({ orders: Array.from({ length: 21 }, () => order('ORD-1', many)) })
  const [large] = await useTools(t, server, session.id, inventory)
  assert.match(
    large,
    /^\/warehouse\/warehouse\.json exceeds the limit of 1048576 bytes\. Shorten it/,
  )
})
