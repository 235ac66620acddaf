import { appConfig } from '@nora/ui/build/app-config'

export default appConfig('/admin/', import.meta.dirname)
