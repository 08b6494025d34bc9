import { Type } from 'typebox'
import { addRow, findRow, Line, nextId, strict } from '../session-document.ts'
import { changeStock, Items, ShipmentStatus, warehouse } from './warehouse.ts'

const createShipment = warehouse.changes({
  name: 'warehouse_create_shipment',
  description: 'Sends items to a destination and takes all of them from the stock, or none.',
  input: Type.Object({ destination: Line(), items: Items }, strict),
  run: ({ destination, items }, data) => {
    for (const { sku, quantity } of items) changeStock(data, sku, -quantity)
    const now = new Date().toISOString()
    const shipment_id = nextId(data.shipments, 'shipment_id', 'SHP-00001')
    const shipment = { shipment_id, status: 'pending' as const, destination, items }
    addRow(data.shipments, { ...shipment, created_at: now, updated_at: now }, 'shipments')
    return { ...shipment, message: `${shipment_id} goes to ${destination}.` }
  },
})

const listShipments = warehouse.reads({
  name: 'warehouse_list_shipments',
  description: 'Lists all shipments, or those with a status.',
  input: Type.Object({ status: Type.Optional(ShipmentStatus) }, strict),
  run: ({ status }, data) => {
    const shipments = data.shipments.filter((one) => status === undefined || one.status === status)
    return { shipments, total_count: shipments.length }
  },
})

const updateShipmentStatus = warehouse.changes({
  name: 'warehouse_update_shipment_status',
  description: 'Sets the status of a shipment.',
  input: Type.Object({ shipment_id: Line(), status: ShipmentStatus }, strict),
  run: ({ shipment_id, status }, { shipments }) => {
    const shipment = findRow(
      shipments,
      (one) => one.shipment_id === shipment_id,
      `Shipment ${shipment_id}`,
    )
    const old_status = shipment.status
    Object.assign(shipment, { status, updated_at: new Date().toISOString() })
    return { shipment_id, old_status, new_status: status, updated_at: shipment.updated_at }
  },
})

export const shipmentTools = {
  reading: [listShipments],
  changing: [createShipment, updateShipmentStatus],
}
