import { Type } from 'typebox'
import { ToolError } from '../../capability.ts'
import { addRow, Line, nextId, Paragraph, strict } from '../session-document.ts'
import { crm, customerOf, InteractionType, Tier } from './crm.ts'

const listCustomers = crm.reads({
  name: 'crm_list_customers',
  description: 'Lists all customers, or those of a tier.',
  input: Type.Object({ tier: Type.Optional(Tier) }, strict),
  run: ({ tier }, data) => {
    const customers = data.customers.filter((one) => tier === undefined || one.tier === tier)
    return { customers, total_count: customers.length }
  },
})

const getCustomer = crm.reads({
  name: 'crm_get_customer',
  description: 'Returns a customer with all interactions.',
  input: Type.Object({ customer_id: Line() }, strict),
  run: ({ customer_id }, data) => ({
    customer: customerOf(data, customer_id),
    interactions: data.interactions.filter((one) => one.customer_id === customer_id),
  }),
})

const searchCustomers = crm.reads({
  name: 'crm_search_customers',
  description:
    'Finds customers whose name, email or company contains a text, in upper or lower case.',
  input: Type.Object({ query: Line() }, strict),
  run: ({ query }, { customers }) => {
    const wanted = query.toLowerCase()
    const results = customers.filter(({ name, email, company }) =>
      [name, email, company].some((text) => text?.toLowerCase().includes(wanted)),
    )
    return { results, count: results.length }
  },
})

const createCustomer = crm.changes({
  name: 'crm_create_customer',
  description: 'Adds a customer. The email must be unique.',
  input: Type.Object(
    {
      name: Line(),
      email: Line(),
      company: Type.Optional(Line()),
      phone: Type.Optional(Line()),
      tier: Type.Optional(Tier),
    },
    strict,
  ),
  run: (input, { customers }, { default_tier = 'free' }) => {
    const { name, email, company = null, phone = null, tier = default_tier } = input
    const known = customers.find((one) => one.email.toLowerCase() === email.toLowerCase())
    if (known) throw new ToolError(`Customer ${known.id} already has the email ${email}`)
    const id = nextId(customers, 'id', 'CUST-001')
    const created_at = new Date().toISOString()
    const customer = { id, name, email, company, phone, tier, created_at, last_contact: null }
    return { customer_id: id, customer: addRow(customers, customer, 'customers') }
  },
})

const addInteraction = crm.changes({
  name: 'crm_add_interaction',
  description: 'Records a call, an email, a meeting or a chat with a customer.',
  input: Type.Object(
    {
      customer_id: Line(),
      interaction_type: InteractionType,
      summary: Paragraph(),
      agent: Line('Name of the employee in the interaction.'),
    },
    strict,
  ),
  run: (input, data) => {
    const customer = customerOf(data, input.customer_id)
    const created_at = new Date().toISOString()
    const id = nextId(data.interactions, 'id', 'INT-00001')
    addRow(data.interactions, { id, ...input, created_at }, 'interactions')
    customer.last_contact = created_at
    return { interaction_id: id, status: 'recorded' }
  },
})

export const customerTools = {
  reading: [listCustomers, getCustomer, searchCustomers],
  changing: [createCustomer, addInteraction],
}
