import { appConfig } from '@nora/ui/build/app-config'

export default appConfig('/', import.meta.dirname)
