/**
 * Default values of the commands' options. They stand alone: reading the command line must not load
 * the code of every command.
 */
export const DEFAULT_CONFIG_FILE = "/etc/pihealth/pihealthd.yml";
export const DEFAULT_DATA_FOLDER = "/var/lib/pihealth";
export const DEFAULT_MASTER_URL = "http://127.0.0.1:8730";
export const DEFAULT_TOKEN_FILE = "/etc/pihealth/token";
