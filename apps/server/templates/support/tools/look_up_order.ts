import { defineTool, ToolError, Type } from 'outlast'
import { findOrder } from '../lib/orders.ts'

export default defineTool({
  description: 'Returns the status and the total of an order.',
  replay: 'safe',
  input: Type.Object({ order: Type.String({ description: 'Number of the order, such as A-1' }) }),
  run({ order }) {
    const found = findOrder(order)
    if (!found) throw new ToolError(`There is no order ${order}.`)
    return found
  },
})
