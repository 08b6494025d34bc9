import { defineCapability, demoCategory } from '../capability.ts'
import { crm, crmConfig } from './fake-crm/crm.ts'
import { customerTools } from './fake-crm/customers.ts'
import { ticketTools } from './fake-crm/tickets.ts'
import { chosenTools, documentRules, onlyLooking } from './session-document.ts'

export const fakeCrm = defineCapability({
  id: 'fake_crm',
  name: 'Fake CRM Tools',
  description: 'Invented customers with their tickets and interactions.',
  category: demoCategory,
  icon: 'users',
  status: 'available',
  config: crmConfig,
  sessionRules: { ...documentRules, default_tier: 'session' },
  prompt: (config) =>
    [
      `You manage invented customers with the crm_ tools. Their data is in ${crm.pathOf(config)}.`,
      ...onlyLooking(config),
    ].join('\n'),
  tools: (config) => chosenTools([customerTools, ticketTools], config),
})
