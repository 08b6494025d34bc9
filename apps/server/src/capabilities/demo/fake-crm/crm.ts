import { type Static, Type } from 'typebox'
import {
  documentConfig,
  documentTools,
  findRow,
  Line,
  Paragraph,
  Rows,
} from '../session-document.ts'

const textEnum = <const Values extends string[]>(...values: Values) =>
  Type.Enum(values, { type: 'string' })
export const Tier = textEnum('free', 'pro', 'enterprise')
export const TicketStatus = textEnum('open', 'in_progress', 'resolved', 'closed')
export const Priority = textEnum('low', 'medium', 'high', 'urgent')
export const InteractionType = textEnum('call', 'email', 'meeting', 'chat')

const text = Type.Union([Type.String(), Type.Null()])

const Customer = Type.Object({
  id: Line(),
  name: Line(),
  email: Line(),
  company: text,
  phone: text,
  tier: Tier,
  created_at: Line(),
  last_contact: text,
})
export type Customer = Static<typeof Customer>

const shape = Type.Object({
  customers: Rows(Customer),
  tickets: Rows(
    Type.Object({
      id: Line(),
      customer_id: Line(),
      subject: Line(),
      description: Paragraph(),
      status: TicketStatus,
      priority: Priority,
      assigned_to: text,
      created_at: Line(),
      updated_at: Line(),
    }),
  ),
  interactions: Rows(
    Type.Object({
      id: Line(),
      customer_id: Line(),
      interaction_type: InteractionType,
      summary: Paragraph(),
      agent: Line(),
      created_at: Line(),
    }),
  ),
})
export type Crm = Static<typeof shape>

const directory = '/crm'

export const crmConfig = documentConfig(directory, shape, {
  default_tier: Type.Optional(
    Type.Enum(['free', 'pro', 'enterprise'], {
      type: 'string',
      default: 'free',
      description:
        'Tier of new customers for calls without one: free, pro or enterprise; by default free.',
    }),
  ),
})
export type CrmConfig = Static<typeof crmConfig>

const empty = (): Crm => ({ customers: [], tickets: [], interactions: [] })

function examples(): Crm {
  const created_at = new Date().toISOString()
  const customer: Customer = {
    id: 'CUST-001',
    name: 'Ines Carvalho',
    email: 'ines@carvalho.example',
    company: 'Carvalho Ceramics',
    phone: '+351 21 000 0000',
    tier: 'pro',
    created_at,
    last_contact: null,
  }
  return { ...empty(), customers: [customer] }
}

export const crm = documentTools<Crm, CrmConfig>({
  directory,
  file: 'crm.json',
  shape,
  seeds: { empty, default: examples },
})

export const customerOf = ({ customers }: Crm, customerId: string) =>
  findRow(customers, ({ id }) => id === customerId, `Customer ${customerId}`)
