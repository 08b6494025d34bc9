import { createOutlast, type Outlast } from '@outlast/sdk'
import type { ProcessKey } from '../../access/process-key.ts'
import { inProcessUrl, type Transport } from './transport.ts'

/** Creates a client of this server with full access to the default organization. */
export const clientOf = ({ fetch }: Transport, { text: apiKey }: ProcessKey): Outlast =>
  createOutlast({ url: inProcessUrl, apiKey, fetch })
