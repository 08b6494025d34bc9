import { defineCapability, demoCategory } from '../capability.ts'
import { bookTools } from './fake-financial/books.ts'
import { currencyOf, finance, financeConfig } from './fake-financial/finance.ts'
import { reportTools } from './fake-financial/reports.ts'
import { chosenTools, documentRules, onlyLooking } from './session-document.ts'

export const fakeFinancial = defineCapability({
  id: 'fake_financial',
  name: 'Fake Financial Tools',
  description: 'Invented books of a company: transactions, balances, budgets, reports, forecasts.',
  category: demoCategory,
  icon: 'dollar-sign',
  status: 'available',
  config: financeConfig,
  sessionRules: { ...documentRules, currency: 'session' },
  prompt: (config) =>
    [
      `You keep the invented books of a company in ${currencyOf(config)} with the finance_ tools. Their data is in ${finance.pathOf(config)}.`,
      'Balances, budgets and reports follow from the transactions.',
      ...onlyLooking(config),
    ].join('\n'),
  tools: (config) => chosenTools([bookTools, reportTools], config),
})
