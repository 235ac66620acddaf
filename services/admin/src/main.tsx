import { newQueryClient, showApp } from '@nora/ui/app-root'

showApp('admin', newQueryClient(), <h1>Nora admin</h1>)
