<?php

namespace Rebound\Bundle\CreditNoteBundle;

use Symfony\Component\HttpKernel\Bundle\Bundle;

/**
 * Credit notes for returns, written through the API by the returns pipeline and read by finance in the back office.
 */
class ReboundCreditNoteBundle extends Bundle
{
}
