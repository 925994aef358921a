<?php

namespace Rebound\Bundle\CreditNoteBundle\EventListener;

use Oro\Bundle\OrderBundle\Entity\Order;
use Oro\Bundle\UIBundle\Event\BeforeListRenderEvent;
use Symfony\Component\Security\Core\Authorization\AuthorizationCheckerInterface;
use Symfony\Contracts\Translation\TranslatorInterface;

/**
 * Adds the section with the credit notes of an order to its page in the back office.
 */
class OrderViewListener
{
    /** After the sections of the order itself, which have negative numbers, and before activities (1000). */
    private const PRIORITY = 10;

    public function __construct(
        private readonly AuthorizationCheckerInterface $authorizationChecker,
        private readonly TranslatorInterface $translator
    ) {
    }

    public function onOrderView(BeforeListRenderEvent $event): void
    {
        $order = $event->getEntity();
        if (!$order instanceof Order || !$this->authorizationChecker->isGranted('rebound_credit_note_view')) {
            return;
        }

        $html = $event->getEnvironment()->render('@ReboundCreditNote/Order/creditNotes.html.twig', ['order' => $order]);
        $scrollData = $event->getScrollData();
        $block = $scrollData->addBlock(
            $this->translator->trans('rebound.creditnote.entity_plural_label'),
            self::PRIORITY
        );
        $scrollData->addSubBlockData($block, $scrollData->addSubBlock($block), $html);
    }
}
