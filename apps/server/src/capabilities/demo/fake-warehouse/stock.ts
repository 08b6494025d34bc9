import { Type } from 'typebox'
import { Line, noInput, strict } from '../session-document.ts'
import { changeStock, isLow, warehouse } from './warehouse.ts'

const getInventory = warehouse.reads({
  name: 'warehouse_get_inventory',
  description: 'Lists the whole stock, one SKU, or SKUs below their reorder point.',
  input: Type.Object(
    { sku: Type.Optional(Line()), low_stock_only: Type.Optional(Type.Boolean({ default: false })) },
    strict,
  ),
  run: ({ sku, low_stock_only }, { inventory }) => {
    const found = inventory.filter(
      (item) => (sku === undefined || item.sku === sku) && (!low_stock_only || isLow(item)),
    )
    const low_stock_count = found.filter(isLow).length
    return { inventory: found, total_items: found.length, low_stock_count }
  },
})

const updateInventory = warehouse.changes({
  name: 'warehouse_update_inventory',
  description: 'Adds a change to the quantity of a SKU; a negative change removes.',
  input: Type.Object(
    {
      sku: Line(),
      quantity_change: Type.Integer({ minimum: -1_000_000_000, maximum: 1_000_000_000 }),
      reason: Type.Optional(Line()),
    },
    strict,
  ),
  run: ({ sku, quantity_change: change, reason = 'not given' }, data) => {
    const item = changeStock(data, sku, change)
    return {
      sku,
      old_quantity: item.quantity - change,
      new_quantity: item.quantity,
      change,
      reason,
      below_reorder_point: isLow(item),
    }
  },
})

const inventoryReport = warehouse.reads({
  name: 'warehouse_inventory_report',
  description: 'Returns totals of the stock and the SKUs to reorder.',
  input: noInput,
  run: (_, { inventory }) => {
    const low = inventory.filter(isLow)
    return {
      report: {
        total_items: inventory.length,
        total_quantity: inventory.reduce((sum, { quantity }) => sum + quantity, 0),
        low_stock_count: low.length,
        low_stock_items: low,
        generated_at: new Date().toISOString(),
      },
    }
  },
})

export const stockTools = { reading: [getInventory, inventoryReport], changing: [updateInventory] }
