/** Simulates the API of a shop. Replace it with your own. */
export type Order = { id: string; status: 'paid' | 'sent' | 'refunded'; total: number }
export type Refund = { order: string; amount: number }

const orders = new Map<string, Order>([
  ['A-1', { id: 'A-1', status: 'sent', total: 20 }],
  ['A-2', { id: 'A-2', status: 'paid', total: 99.5 }],
])
const refunds = new Map<string, Refund>()

export const findOrder = (id: string): Order | undefined => orders.get(id)

/** Refunds an order. A repeated request with the same key returns the first refund. */
export function refund(order: Order, idempotencyKey: string): Refund {
  const earlier = refunds.get(idempotencyKey)
  if (earlier) return earlier
  const made = { order: order.id, amount: order.total }
  refunds.set(idempotencyKey, made)
  orders.set(order.id, { ...order, status: 'refunded' })
  return made
}
