import { createOutlast, type Outlast } from '@outlast/sdk'
import type { ProcessKey } from '../../access/process-key.ts'
import { type InProcess, inProcessUrl } from './in-process.ts'

/** Creates a client of this server with full access to the default organization. */
export const processClient = ({ fetch }: InProcess, { text: apiKey }: ProcessKey): Outlast =>
  createOutlast({ url: inProcessUrl, apiKey, fetch })
