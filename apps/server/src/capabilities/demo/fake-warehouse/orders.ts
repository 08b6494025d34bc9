import { Type } from 'typebox'
import { ToolError } from '../../capability.ts'
import { addRow, findRow, Line, nextId, noInput, strict } from '../session-document.ts'
import { changeStock, Items, itemOf, type Warehouse, warehouse } from './warehouse.ts'

const orderOf = ({ orders }: Warehouse, id: string) =>
  findRow(orders, ({ order_id }) => order_id === id, `Order ${id}`)

const createOrder = warehouse.changes({
  name: 'warehouse_create_order',
  description: 'Takes an order of a customer for existing SKUs. It does not change the stock.',
  input: Type.Object({ customer_name: Line(), items: Items }, strict),
  run: ({ customer_name, items }, data) => {
    for (const { sku } of items) itemOf(data, sku)
    const order_id = nextId(data.orders, 'order_id', 'ORD-00001')
    const order = { order_id, status: 'pending', items }
    const created_at = new Date().toISOString()
    addRow(data.orders, { ...order, customer_name, created_at }, 'orders')
    return order
  },
})

const listOrders = warehouse.reads({
  name: 'warehouse_list_orders',
  description: 'Lists the orders with their invoices and returns.',
  input: noInput,
  run: (_, { orders, invoices, returns }) => ({
    orders: orders.map((order) => ({
      ...order,
      invoice: invoices.find(({ order_id }) => order_id === order.order_id) ?? null,
      returns: returns.filter(({ order_id }) => order_id === order.order_id),
    })),
    total_count: orders.length,
  }),
})

const createInvoice = warehouse.changes({
  name: 'warehouse_create_invoice',
  description:
    'Creates the invoice of an order from the prices of its items. An order has one invoice.',
  input: Type.Object({ order_id: Line() }, strict),
  run: ({ order_id }, data, { currency = 'USD' }) => {
    const { items } = orderOf(data, order_id)
    const known = data.invoices.find((invoice) => invoice.order_id === order_id)
    if (known) throw new ToolError(`Order ${order_id} has invoice ${known.invoice_id} already`)
    const sum = items.reduce(
      (sum, { sku, quantity }) => sum + quantity * itemOf(data, sku).unit_price,
      0,
    )
    const invoice_id = nextId(data.invoices, 'invoice_id', 'INV-00001')
    const amount = Math.round(sum * 100) / 100
    const invoice = { invoice_id, order_id, amount, currency, status: 'generated' }
    addRow(data.invoices, { ...invoice, created_at: new Date().toISOString() }, 'invoices')
    return invoice
  },
})

const processReturn = warehouse.changes({
  name: 'warehouse_process_return',
  description: 'Returns items of an order and adds them to the stock.',
  input: Type.Object(
    {
      order_id: Line(),
      sku: Line(),
      quantity: Type.Integer({ minimum: 1, maximum: 1_000_000_000 }),
      reason: Type.Optional(Line()),
    },
    strict,
  ),
  run: ({ order_id, sku, quantity, reason = 'not given' }, data) => {
    const left = leftOf(data, order_id, sku)
    if (quantity > left) {
      throw new ToolError(`At most ${left} of ${sku} in order ${order_id} can still be returned`)
    }
    changeStock(data, sku, quantity)
    const return_id = nextId(data.returns, 'return_id', 'RET-00001')
    const row = { return_id, order_id, sku, quantity, reason }
    addRow(data.returns, { ...row, created_at: new Date().toISOString() }, 'returns')
    return { return_id, sku, quantity, status: 'processed', inventory_updated: true }
  },
})

/** The quantity of a SKU that was ordered and not returned. */
function leftOf(data: Warehouse, orderId: string, sku: string): number {
  const count = (rows: { sku: string; quantity: number }[]) =>
    rows.filter((row) => row.sku === sku).reduce((sum, { quantity }) => sum + quantity, 0)
  const ordered = count(orderOf(data, orderId).items)
  return ordered - count(data.returns.filter(({ order_id }) => order_id === orderId))
}

export const orderTools = {
  reading: [listOrders],
  changing: [createOrder, createInvoice, processReturn],
}
