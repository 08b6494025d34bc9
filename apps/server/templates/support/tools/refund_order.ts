import { defineTool, ToolError, Type } from 'outlast'
import { findOrder, refund } from '../lib/orders.ts'

/**
 * A person approves each call before it runs. The call may run again after a crash: the key, which
 * is the same then, prevents a second refund. A service without such keys needs `replay: 'unsafe'`.
 */
export default defineTool({
  description: 'Refunds the whole total of an order.',
  policy: 'requires_approval',
  replay: 'safe',
  input: Type.Object({ order: Type.String({ description: 'Number of the order, such as A-1' }) }),
  run({ order }, { idempotencyKey }) {
    const found = findOrder(order)
    if (!found) throw new ToolError(`There is no order ${order}.`)
    return refund(found, idempotencyKey)
  },
})
