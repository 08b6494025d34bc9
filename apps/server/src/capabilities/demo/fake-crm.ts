import { defineCapability } from '../capability.ts'
import { crm, crmConfig } from './fake-crm/crm.ts'
import { customerTools } from './fake-crm/customers.ts'
import { ticketTools } from './fake-crm/tickets.ts'
import { chosenTools, documentRules, onlyLooking } from './session-document.ts'

export const fakeCrm = defineCapability({
  id: 'fake_crm',
  name: 'Fake CRM Tools',
  description: 'Invented customers, their tickets, and what was said to them.',
  category: 'Demo Tools',
  icon: 'users',
  status: 'available',
  config: crmConfig,
  sessionRules: { ...documentRules, default_tier: 'session' },
  prompt: (config) =>
    [
      `You look after invented customers with the crm_ tools. All of it stands in ${crm.pathOf(config)}.`,
      ...onlyLooking(config),
    ].join('\n'),
  tools: (config) => chosenTools([customerTools, ticketTools], config),
})
