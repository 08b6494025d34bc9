import { type Static, Type } from 'typebox'
import { ToolError } from '../../capability.ts'
import { documentConfig, documentTools, findRow, Line, Rows, strict } from '../session-document.ts'

const quantityMax = 1_000_000_000
const Quantity = Type.Integer({ minimum: 1, maximum: quantityMax })
const Stock = Type.Integer({ minimum: 0, maximum: quantityMax })

/** The items of a shipment or an order. */
export const Items = Type.Array(Type.Object({ sku: Line(), quantity: Quantity }, strict), {
  minItems: 1,
  maxItems: 100,
})
export const ShipmentStatus = Type.Enum(['pending', 'in_transit', 'delivered'], { type: 'string' })

const WarehouseItem = Type.Object({
  sku: Line(),
  name: Line(),
  quantity: Stock,
  location: Line(),
  reorder_point: Stock,
  unit_price: Type.Number({ minimum: 0, maximum: 1e9 }),
})
export type WarehouseItem = Static<typeof WarehouseItem>

const shape = Type.Object({
  inventory: Rows(WarehouseItem),
  shipments: Rows(
    Type.Object({
      shipment_id: Line(),
      status: ShipmentStatus,
      destination: Line(),
      items: Items,
      created_at: Line(),
      updated_at: Line(),
    }),
  ),
  orders: Rows(
    Type.Object({
      order_id: Line(),
      customer_name: Line(),
      status: Line(),
      items: Items,
      created_at: Line(),
    }),
  ),
  invoices: Rows(
    Type.Object({
      invoice_id: Line(),
      order_id: Line(),
      amount: Type.Number(),
      currency: Line(),
      status: Line(),
      created_at: Line(),
    }),
  ),
  returns: Rows(
    Type.Object({
      return_id: Line(),
      order_id: Line(),
      sku: Line(),
      quantity: Quantity,
      reason: Type.String(),
      created_at: Line(),
    }),
  ),
})
export type Warehouse = Static<typeof shape>

const directory = '/warehouse'

export const warehouseConfig = documentConfig(directory, shape, {
  currency: Type.Optional(
    Type.String({
      pattern: '^[A-Z]{3}$',
      default: 'USD',
      description: 'Currency of prices and invoices as an ISO 4217 code; by default USD.',
    }),
  ),
})
export type WarehouseConfig = Static<typeof warehouseConfig>

const empty = (): Warehouse => ({
  inventory: [],
  shipments: [],
  orders: [],
  invoices: [],
  returns: [],
})

const item = (
  [sku, name, location]: [string, string, string],
  [quantity, reorder_point, unit_price]: [number, number, number],
): WarehouseItem => ({ sku, name, quantity, location, reorder_point, unit_price })

export const warehouse = documentTools<Warehouse, WarehouseConfig>({
  directory,
  file: 'warehouse.json',
  shape,
  seeds: {
    empty,
    default: () => ({
      ...empty(),
      inventory: [
        item(['WH-001', 'Garden hose', 'A1'], [150, 50, 24.5]),
        item(['WH-002', 'Rain barrel', 'B2'], [30, 40, 89]),
        item(['WH-003', 'Seed tray', 'C3'], [200, 75, 6.25]),
      ],
    }),
  },
})

export const isLow = ({ quantity, reorder_point }: WarehouseItem) => quantity < reorder_point

export const itemOf = ({ inventory }: Warehouse, sku: string) =>
  findRow(inventory, (item) => item.sku === sku, `SKU ${sku}`)

/**
 * Changes the quantity of a SKU. Contract: throws ToolError for an unknown SKU and for too little
 * stock.
 */
export function changeStock(data: Warehouse, sku: string, change: number): WarehouseItem {
  const item = itemOf(data, sku)
  const next = item.quantity + change
  if (next < 0) {
    throw new ToolError(
      `Insufficient stock of ${sku}: ${item.quantity} available, ${-change} requested`,
    )
  }
  if (next > quantityMax) throw new ToolError(`The stock of ${sku} must not exceed ${quantityMax}`)
  item.quantity = next
  return item
}
