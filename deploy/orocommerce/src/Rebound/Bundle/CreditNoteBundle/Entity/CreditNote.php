<?php

namespace Rebound\Bundle\CreditNoteBundle\Entity;

use Doctrine\Common\Collections\ArrayCollection;
use Doctrine\Common\Collections\Collection;
use Doctrine\DBAL\Types\Types;
use Doctrine\ORM\Mapping as ORM;
use Oro\Bundle\EntityBundle\EntityProperty\DatesAwareInterface;
use Oro\Bundle\EntityBundle\EntityProperty\DatesAwareTrait;
use Oro\Bundle\EntityConfigBundle\Metadata\Attribute\Config;
use Oro\Bundle\EntityConfigBundle\Metadata\Attribute\ConfigField;
use Oro\Bundle\OrderBundle\Entity\Order;
use Oro\Bundle\OrganizationBundle\Entity\OrganizationAwareInterface;
use Oro\Bundle\OrganizationBundle\Entity\Ownership\AuditableOrganizationAwareTrait;

/**
 * What a return is worth on one order, by one decision of the returns pipeline.
 *
 * Amounts are in the currency of the note, exact decimals as strings (the "money" type, numeric(19,4)):
 * total = net + tax + shipping + shipping tax - fee, where net is after the discount.
 *
 * Every property that the API writes accepts null, whatever its column accepts: what is missing is then refused
 * by the validation (400) and not by PHP or the database (500). The number is unique by its column alone: a
 * second note of the same number is a conflict (409), which the pipeline answers by reading.
 *
 * A note outlives its order: the reference is emptied when an order is deleted, its identifier stays.
 */
#[ORM\Entity]
#[ORM\Table(name: 'rebound_credit_note')]
#[ORM\Index(columns: ['return_id'], name: 'idx_rebound_note_return_id')]
#[ORM\Index(columns: ['created_at'], name: 'idx_rebound_note_created_at')]
#[Config(
    routeName: 'rebound_credit_note_index',
    routeView: 'rebound_credit_note_view',
    defaultValues: [
        'entity' => ['icon' => 'fa-undo'],
        'ownership' => [
            'owner_type' => 'ORGANIZATION',
            'owner_field_name' => 'organization',
            'owner_column_name' => 'organization_id'
        ],
        'security' => ['type' => 'ACL', 'group_name' => '', 'category' => 'orders'],
        'dataaudit' => ['auditable' => true],
        'grid' => ['default' => 'rebound-credit-notes-grid']
    ]
)]
class CreditNote implements DatesAwareInterface, OrganizationAwareInterface
{
    use AuditableOrganizationAwareTrait;
    use DatesAwareTrait;

    #[ORM\Id]
    #[ORM\Column(name: 'id', type: Types::INTEGER)]
    #[ORM\GeneratedValue(strategy: 'AUTO')]
    private ?int $id = null;

    #[ORM\Column(name: 'credit_note_number', type: Types::STRING, length: 255, unique: true)]
    #[ConfigField(defaultValues: ['dataaudit' => ['auditable' => true]])]
    private ?string $creditNoteNumber = null;

    #[ORM\Column(name: 'return_id', type: Types::STRING, length: 255)]
    #[ConfigField(defaultValues: ['dataaudit' => ['auditable' => true]])]
    private ?string $returnId = null;

    #[ORM\ManyToOne(targetEntity: Order::class)]
    #[ORM\JoinColumn(name: 'order_id', referencedColumnName: 'id', nullable: true, onDelete: 'SET NULL')]
    #[ConfigField(defaultValues: ['dataaudit' => ['auditable' => true]])]
    private ?Order $order = null;

    #[ORM\Column(name: 'order_identifier', type: Types::STRING, length: 255, nullable: true)]
    #[ConfigField(defaultValues: ['dataaudit' => ['auditable' => true]])]
    private ?string $orderIdentifier = null;

    #[ORM\Column(name: 'currency', type: Types::STRING, length: 3)]
    #[ConfigField(defaultValues: ['dataaudit' => ['auditable' => true]])]
    private ?string $currency = null;

    #[ORM\Column(name: 'net_amount', type: 'money')]
    #[ConfigField(defaultValues: ['dataaudit' => ['auditable' => true]])]
    private ?string $netAmount = null;

    #[ORM\Column(name: 'discount_amount', type: 'money')]
    #[ConfigField(defaultValues: ['dataaudit' => ['auditable' => true]])]
    private ?string $discountAmount = '0.0000';

    #[ORM\Column(name: 'tax_amount', type: 'money')]
    #[ConfigField(defaultValues: ['dataaudit' => ['auditable' => true]])]
    private ?string $taxAmount = null;

    #[ORM\Column(name: 'shipping_amount', type: 'money')]
    #[ConfigField(defaultValues: ['dataaudit' => ['auditable' => true]])]
    private ?string $shippingAmount = null;

    #[ORM\Column(name: 'shipping_tax_amount', type: 'money')]
    #[ConfigField(defaultValues: ['dataaudit' => ['auditable' => true]])]
    private ?string $shippingTaxAmount = '0.0000';

    #[ORM\Column(name: 'fee_amount', type: 'money')]
    #[ConfigField(defaultValues: ['dataaudit' => ['auditable' => true]])]
    private ?string $feeAmount = '0.0000';

    #[ORM\Column(name: 'total_amount', type: 'money')]
    #[ConfigField(defaultValues: ['dataaudit' => ['auditable' => true]])]
    private ?string $totalAmount = null;

    #[ORM\Column(name: 'decided_at', type: Types::DATETIME_MUTABLE, nullable: true)]
    #[ConfigField(defaultValues: ['dataaudit' => ['auditable' => true]])]
    private ?\DateTimeInterface $decidedAt = null;

    /**
     * @var Collection<int, CreditNoteLine>
     */
    #[ORM\OneToMany(
        mappedBy: 'creditNote',
        targetEntity: CreditNoteLine::class,
        cascade: ['persist', 'remove'],
        orphanRemoval: true
    )]
    #[ORM\OrderBy(['id' => 'ASC'])]
    #[ConfigField(defaultValues: ['dataaudit' => ['auditable' => true]])]
    private Collection $lines;

    public function __construct()
    {
        $this->lines = new ArrayCollection();
    }

    public function __toString(): string
    {
        return (string)$this->creditNoteNumber;
    }

    public function getId(): ?int
    {
        return $this->id;
    }

    public function getCreditNoteNumber(): ?string
    {
        return $this->creditNoteNumber;
    }

    public function setCreditNoteNumber(?string $creditNoteNumber): self
    {
        $this->creditNoteNumber = $creditNoteNumber;

        return $this;
    }

    public function getReturnId(): ?string
    {
        return $this->returnId;
    }

    public function setReturnId(?string $returnId): self
    {
        $this->returnId = $returnId;

        return $this;
    }

    public function getOrder(): ?Order
    {
        return $this->order;
    }

    /**
     * Refers to an order and keeps its identifier, which stays when the order is gone.
     */
    public function setOrder(?Order $order): self
    {
        $this->order = $order;
        if (null !== $order) {
            $this->orderIdentifier = $order->getIdentifier();
        }

        return $this;
    }

    public function getOrderIdentifier(): ?string
    {
        return $this->orderIdentifier;
    }

    public function getCurrency(): ?string
    {
        return $this->currency;
    }

    public function setCurrency(?string $currency): self
    {
        $this->currency = $currency;

        return $this;
    }

    public function getNetAmount(): ?string
    {
        return $this->netAmount;
    }

    public function setNetAmount(?string $netAmount): self
    {
        $this->netAmount = $netAmount;

        return $this;
    }

    public function getDiscountAmount(): ?string
    {
        return $this->discountAmount;
    }

    public function setDiscountAmount(?string $discountAmount): self
    {
        $this->discountAmount = $discountAmount;

        return $this;
    }

    public function getTaxAmount(): ?string
    {
        return $this->taxAmount;
    }

    public function setTaxAmount(?string $taxAmount): self
    {
        $this->taxAmount = $taxAmount;

        return $this;
    }

    public function getShippingAmount(): ?string
    {
        return $this->shippingAmount;
    }

    public function setShippingAmount(?string $shippingAmount): self
    {
        $this->shippingAmount = $shippingAmount;

        return $this;
    }

    public function getShippingTaxAmount(): ?string
    {
        return $this->shippingTaxAmount;
    }

    public function setShippingTaxAmount(?string $shippingTaxAmount): self
    {
        $this->shippingTaxAmount = $shippingTaxAmount;

        return $this;
    }

    public function getFeeAmount(): ?string
    {
        return $this->feeAmount;
    }

    public function setFeeAmount(?string $feeAmount): self
    {
        $this->feeAmount = $feeAmount;

        return $this;
    }

    public function getTotalAmount(): ?string
    {
        return $this->totalAmount;
    }

    public function setTotalAmount(?string $totalAmount): self
    {
        $this->totalAmount = $totalAmount;

        return $this;
    }

    public function getDecidedAt(): ?\DateTimeInterface
    {
        return $this->decidedAt;
    }

    /**
     * The API passes an empty text on as it is; it means no date.
     */
    public function setDecidedAt(\DateTimeInterface|string|null $decidedAt): self
    {
        $this->decidedAt = $decidedAt instanceof \DateTimeInterface ? $decidedAt : null;

        return $this;
    }

    /**
     * @return Collection<int, CreditNoteLine>
     */
    public function getLines(): Collection
    {
        return $this->lines;
    }

    public function addLine(CreditNoteLine $line): self
    {
        if (!$this->lines->contains($line)) {
            $this->lines->add($line);
            $line->setCreditNote($this);
        }

        return $this;
    }

    public function removeLine(CreditNoteLine $line): self
    {
        $this->lines->removeElement($line);

        return $this;
    }
}
