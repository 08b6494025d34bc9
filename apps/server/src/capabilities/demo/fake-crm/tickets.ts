import { Type } from 'typebox'
import { ToolError } from '../../capability.ts'
import { addRow, findRow, Line, nextId, Paragraph, strict } from '../session-document.ts'
import { crm, customerOf, Priority, TicketStatus } from './crm.ts'

const listTickets = crm.reads({
  name: 'crm_list_tickets',
  description: 'Lists all tickets, or those with a status or a priority.',
  input: Type.Object(
    { status: Type.Optional(TicketStatus), priority: Type.Optional(Priority) },
    strict,
  ),
  run: ({ status, priority }, data) => {
    const tickets = data.tickets.filter(
      (ticket) =>
        (status === undefined || ticket.status === status) &&
        (priority === undefined || ticket.priority === priority),
    )
    return { tickets, total_count: tickets.length }
  },
})

const createTicket = crm.changes({
  name: 'crm_create_ticket',
  description: 'Opens a ticket for a customer.',
  input: Type.Object(
    {
      customer_id: Line(),
      subject: Line(),
      description: Paragraph(),
      priority: Type.Optional(Priority),
    },
    strict,
  ),
  run: ({ customer_id, subject, description, priority = 'medium' }, data) => {
    customerOf(data, customer_id)
    const id = nextId(data.tickets, 'id', 'TKT-00001')
    const now = new Date().toISOString()
    const state = { status: 'open' as const, priority, assigned_to: null }
    const times = { created_at: now, updated_at: now }
    addRow(data.tickets, { id, customer_id, subject, description, ...state, ...times }, 'tickets')
    return { ticket_id: id, status: state.status, priority }
  },
})

const updateTicket = crm.changes({
  name: 'crm_update_ticket',
  description: 'Changes the status or the assignee of a ticket, or both.',
  input: Type.Object(
    {
      ticket_id: Line(),
      status: Type.Optional(TicketStatus),
      assigned_to: Type.Optional(Line()),
    },
    strict,
  ),
  run: ({ ticket_id, status, assigned_to }, { tickets }) => {
    if (status === undefined && assigned_to === undefined) {
      throw new ToolError('Nothing to change: set status, assigned_to or both')
    }
    const ticket = findRow(tickets, ({ id }) => id === ticket_id, `Ticket ${ticket_id}`)
    ticket.status = status ?? ticket.status
    ticket.assigned_to = assigned_to ?? ticket.assigned_to
    ticket.updated_at = new Date().toISOString()
    return { ticket_id, status: ticket.status, assigned_to: ticket.assigned_to }
  },
})

export const ticketTools = { reading: [listTickets], changing: [createTicket, updateTicket] }
