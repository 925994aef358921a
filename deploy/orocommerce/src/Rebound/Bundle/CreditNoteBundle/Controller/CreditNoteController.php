<?php

namespace Rebound\Bundle\CreditNoteBundle\Controller;

use Oro\Bundle\SecurityBundle\Attribute\AclAncestor;
use Rebound\Bundle\CreditNoteBundle\Entity\CreditNote;
use Symfony\Bundle\FrameworkBundle\Controller\AbstractController;
use Symfony\Component\HttpFoundation\Response;
use Symfony\Component\Routing\Attribute\Route;

/**
 * The list of credit notes and the page of one. Notes are written through the API only.
 */
class CreditNoteController extends AbstractController
{
    #[Route(path: '/', name: 'rebound_credit_note_index')]
    #[AclAncestor('rebound_credit_note_view')]
    public function indexAction(): Response
    {
        return $this->render(
            '@ReboundCreditNote/CreditNote/index.html.twig',
            ['entity_class' => CreditNote::class]
        );
    }

    #[Route(path: '/view/{id}', name: 'rebound_credit_note_view', requirements: ['id' => '\d+'])]
    #[AclAncestor('rebound_credit_note_view')]
    public function viewAction(CreditNote $creditNote): Response
    {
        return $this->render('@ReboundCreditNote/CreditNote/view.html.twig', ['entity' => $creditNote]);
    }
}
