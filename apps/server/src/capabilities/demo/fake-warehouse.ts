import { defineCapability, demoCategory } from '../capability.ts'
import { orderTools } from './fake-warehouse/orders.ts'
import { shipmentTools } from './fake-warehouse/shipments.ts'
import { stockTools } from './fake-warehouse/stock.ts'
import { warehouse, warehouseConfig } from './fake-warehouse/warehouse.ts'
import { chosenTools, documentRules, onlyLooking } from './session-document.ts'

export const fakeWarehouse = defineCapability({
  id: 'fake_warehouse',
  name: 'Fake Warehouse Tools',
  description: 'An invented warehouse with stock, shipments, orders, invoices and returns.',
  category: demoCategory,
  icon: 'package',
  status: 'available',
  config: warehouseConfig,
  sessionRules: { ...documentRules, currency: 'session' },
  prompt: (config) =>
    [
      `You run an invented warehouse with the warehouse_ tools. Its data is in ${warehouse.pathOf(config)}.`,
      'A shipment takes its items from the stock and a return adds them; an order does not change the stock.',
      ...onlyLooking(config),
    ].join('\n'),
  tools: (config) => chosenTools([stockTools, shipmentTools, orderTools], config),
})
