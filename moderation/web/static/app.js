// On every page for somebody who is logged in.

import * as comfort from './comfort.js';
import * as keys from './keys.js';
import { sayLater } from './say.js';
import * as shift from './shift.js';

keys.start();
comfort.start();
shift.start();
sayLater();
